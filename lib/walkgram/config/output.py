"""The keys of what is made of the embeddings, and of the line."""

from walkgram.config.base import Section, key

__all__ = ["Export", "Neighbours", "PipelineConfig", "Report"]


class Neighbours(Section):
    """The k nearest items by a metric, exact."""

    k: int = key(10, "neighbours of an item", "items", ge=1)
    metric: str = key("cosine", "metric of the scores: a name in lib/walkgram/kernels/knn/registry.py", min_length=1)
    block_rows: int = key(4096, "vectors of a block", "items", ge=1)


class Export(Section):
    """Tables of the Embedding Projector, and plots."""

    plots: bool = key(True, "draw loss.png and degrees.png (needs matplotlib: the extra `plots`)")


class Report(Section):
    """The neighbours that the pipeline prints at its end."""

    titles: list[str] = key(list, "titles of the items to print; empty: the most frequent items")
    items: int = key(5, "number of items to print if report.titles is empty", ge=0)
    neighbours: int = key(5, "neighbours to print for each item", ge=1)
    group: str = key("", "column of the items table; print the share of neighbours with the same value, against chance")


class PipelineConfig(Section):
    """What the line makes."""

    tables: list[str] = key(
        lambda: ["neighbours", "export"], "tables that are wanted; every job that they need runs, where it is not up to date"
    )
