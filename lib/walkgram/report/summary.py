"""The pipeline's last words: neighbours by title, and the planted groups against chance."""

from collections.abc import Iterator, Mapping

from pyspark.sql import DataFrame, Row

from walkgram.config.schema import Report
from walkgram.stages.evaluation import summary

__all__ = ["summarize_run"]


def summarize_run(tables: Mapping[str, DataFrame], config: Report) -> Iterator[str]:
    """Lines of text; tables: vocabulary, embeddings, neighbours, and items where there are any."""
    items = tables.get("items")
    if config.titles and items is not None:
        chosen = summary.find_titles(items, config.titles)
    else:
        chosen = summary.most_frequent_items(tables["vocabulary"], tables["embeddings"], config.items)
    notes = {}
    if config.group and items is not None:
        for row in summary.count_group_hits(chosen, tables["neighbours"], items, config.group).collect():
            notes[row["position"]] = f"  ({row['hits']} of its {row['of']} nearest are of its {config.group}: {row['own']})"
    named = summary.name_neighbours(chosen, tables["neighbours"], items, config.neighbours).collect()
    yield from list_neighbours(named, notes)
    shown = {row["item"] for row in named}
    for title in config.titles if items is not None else []:
        if title not in shown:
            yield f"\n{title}\n   (no item has this title)"
    if config.group and items is not None:
        yield from compare_groups(tables, items, config.group)


def list_neighbours(named: list[Row], notes: Mapping[int, str]) -> Iterator[str]:
    """Each item with its neighbours."""
    last = None
    for row in named:
        if row["position"] != last:
            yield f"\n{row['item']}{notes.get(row['position'], '')}"
            last = row["position"]
        if row["rank"] is None:
            yield "   (no vector: it has no edge)"
        else:
            yield f"  {row['rank']:2}. {row['score']:.3f}  {row['neighbour']}"


def compare_groups(tables: Mapping[str, DataFrame], items: DataFrame, group: str) -> Iterator[str]:
    """How many neighbours share the item's group."""
    found = summary.compare_with_chance(tables["neighbours"], items, tables["embeddings"], group).first()
    if found is None or found["share"] is None or not found["chance"]:
        yield f"\nno neighbours to compare by {group}"
        return
    yield (
        f"\nover all nodes, {found['share']:.1%} of the nearest are of the item's {group}, by chance {found['chance']:.1%}: "
        f"{found['share'] / found['chance']:.1f} times chance"
    )
