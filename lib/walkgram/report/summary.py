"""The lines that the pipeline prints at its end: neighbours by title, and the neighbours' groups against chance."""

from collections.abc import Iterator, Mapping

from pyspark.sql import DataFrame, Row

from walkgram.config.output import Report
from walkgram.stages.evaluation import summary

__all__ = ["summarize_run"]


def summarize_run(tables: Mapping[str, DataFrame], config: Report) -> Iterator[str]:
    """Return the lines. tables: vocabulary, embeddings, neighbours, and items if the lake has them."""
    items = tables.get("items")
    if config.titles and items is not None:
        queries = summary.find_titles(items, config.titles)
    else:
        queries = summary.most_frequent_items(tables["vocabulary"], tables["embeddings"], config.items)
    notes = {}
    if config.group and items is not None:
        for row in summary.count_group_hits(queries, tables["neighbours"], items, config.group).collect():
            counts = f"{row['hits']} of its {row['neighbours']} nearest"
            notes[row["position"]] = f"  ({counts} are of its {config.group}: {row['item_group']})"
    rows = summary.name_neighbours(queries, tables["neighbours"], items, config.neighbours).collect()
    yield from list_neighbours(rows, notes)
    known_titles = {row["item"] for row in rows}
    for title in config.titles if items is not None else []:
        if title not in known_titles:
            yield f"\n{title}\n   (no item has this title)"
    if config.group and items is not None:
        yield from compare_groups(tables, items, config.group)


def list_neighbours(rows: list[Row], notes: Mapping[int, str]) -> Iterator[str]:
    """Format each item with its neighbours. rows: of `summary.name_neighbours`; notes: by position."""
    position = None
    for row in rows:
        if row["position"] != position:
            yield f"\n{row['item']}{notes.get(row['position'], '')}"
            position = row["position"]
        if row["rank"] is None:
            yield "   (no vector: it has no edge)"
        else:
            yield f"  {row['rank']:2}. {row['score']:.3f}  {row['neighbour']}"


def compare_groups(tables: Mapping[str, DataFrame], items: DataFrame, group: str) -> Iterator[str]:
    """Format the share of neighbours in the item's group, against chance."""
    row = summary.compare_with_chance(tables["neighbours"], items, tables["embeddings"], group).first()
    if row is None or row["share"] is None or not row["chance"]:
        yield f"\nno neighbours to compare by {group}"
        return
    yield (
        f"\nover all nodes, {row['share']:.1%} of the nearest are of the item's {group}, by chance {row['chance']:.1%}: "
        f"{row['share'] / row['chance']:.1f} times chance"
    )
