"""The pipeline's last words: neighbours by title, and the planted groups against chance."""

from collections.abc import Iterator, Mapping

from pyspark.sql import DataFrame

from walkgram.config.schema import Report
from walkgram.stages import report

__all__ = ["summary"]


def summary(tables: Mapping[str, DataFrame], config: Report) -> Iterator[str]:
    """Lines of text; tables: vocabulary, embeddings, neighbours, and items where there are any."""
    items = tables.get("items")
    if config.titles and items is not None:
        chosen = report.of_titles(items, config.titles)
    else:
        chosen = report.frequent(tables["vocabulary"], tables["embeddings"], config.items)
    named = report.named(chosen, tables["neighbours"], items, config.neighbours).collect()
    last = None
    for row in named:
        if row["position"] != last:
            yield f"\n{row['item']}"
            last = row["position"]
        yield "   (no vector: it has no edge)" if row["rank"] is None else f"  {row['rank']:2}. {row['score']:.3f}  {row['neighbour']}"
    shown = {row["item"] for row in named}
    for title in config.titles:
        if title not in shown:
            yield f"\n{title}\n   (no item has this title)"
    if config.group and items is not None:
        yield from groups(tables, items, config.group)


def groups(tables: Mapping[str, DataFrame], items: DataFrame, group: str) -> Iterator[str]:
    """How many neighbours share the item's group."""
    found = report.same_group(tables["neighbours"], items, tables["embeddings"], group).first()
    if found is None or found["share"] is None or found["chance"] is None:
        yield f"\nno neighbours to compare by {group}"
        return
    over = found["share"] / found["chance"] if found["chance"] else float("inf")
    yield f"\nneighbours of the same {group}: {found['share']:.1%}, by chance {found['chance']:.1%}: {over:.1f} times chance, over all nodes"
