"""All sections as frozen models; each key has its meaning, unit, default and limits."""

from typing import Literal

from pydantic import model_validator

from walkgram.config.base import Section, key
from walkgram.config.pairs import Edges, Interactions, Merge, Pairs, Pmi
from walkgram.config.train import Train

__all__ = ["Config"]


class Columns(Section):
    """Names of the interactions' columns in the source."""

    user_id: str = key("user_id", "column of user ids", min_length=1)
    item_id: str = key("item_id", "column of item ids", min_length=1)
    rating: str = key("rating", 'column of ratings; "": no such column, every rating is null')
    timestamp: str = key("timestamp", 'column of times; "": no such column, every time is null')


class ItemColumns(Section):
    """Names of the items table's columns in the source."""

    item_id: str = key("item_id", "column of item ids", min_length=1)
    title: str = key("title", 'column of titles; "": no such column')
    lists: list[str] = key(list, "columns that hold lists (genres, tags): arrays, or text split at list_separator")
    keep: list[str] = key(list, "further columns to copy unchanged")
    list_separator: str = key("|", "separator of the entries of a list that is stored as text", min_length=1)


class EdgeColumns(Section):
    """Names of an edge table's columns (an edge list of text has no names: src, dst, weight in this order)."""

    src: str = key("src", "column of the ids at which edges start", min_length=1)
    dst: str = key("dst", "column of the ids at which edges end", min_length=1)
    weight: str = key("weight", 'column of weights, all above 0; "", or not set and missing in the source: every row weighs 1')


class Input(Section):
    """Source of the interactions (and of the items), or of the edges."""

    kind: Literal["interactions", "edges"] = key("interactions", "content of the source: interactions, or the edges of a graph")
    path: str = key("", "folder or file of the source; if it is set, input.source has no effect")
    source: Literal["files", "archive", "sample"] = key(
        "files", "source if input.path is empty: files (an error that asks for a path), archive (download input.url), sample"
    )
    interactions: str = key("", 'file or folder of the interactions (or edges) in the folder input.path; "": all of it')
    items: str = key("", 'items table in input.path (or an absolute path); "": none')
    directed: bool = key(False, "kind edges: true if an edge leads from src to dst only")
    nodes: str = key("", 'kind edges: table of all nodes (column item_columns.item_id) in input.path; "": none')
    format: Literal["auto", "csv", "parquet", "json", "edgelist"] = key(
        "auto",
        "csv (with header), parquet, json (one object a line), edgelist (src dst [weight], split at blanks); auto: by suffix",
    )
    multiline: bool = key(True, "quoted CSV fields may contain line breaks; false: large files are read in parallel")
    encoding: str = key("UTF-8", "character encoding of CSV and edge lists", min_length=1)
    delimiter: str = key(",", "delimiter of CSV files", min_length=1, max_length=4)
    bad_rows: Literal["fail", "drop"] = key(
        "fail",
        "rows with unreadable values, NaN or infinite ratings, invalid weights, or unknown nodes: fail ends the run, "
        "drop removes and counts them",
    )
    timestamp_unit: Literal["s", "ms", "us"] = key("s", "unit of numeric timestamps, which count from 1970-01-01 UTC")
    columns: Columns = key(Columns, "")
    item_columns: ItemColumns = key(ItemColumns, "")
    edge_columns: EdgeColumns = key(EdgeColumns, "")
    url: str = key("", "address of the zip archive to download (input.source = archive)")
    cache: str = key("", 'folder of downloads; "": the user\'s cache folder')
    sha256: dict[str, str] = key(dict, "SHA-256 of each file taken from the archive")


class Sample(Section):
    """Size of the generated ratings (input.source = sample)."""

    users: int = key(1000, "number of users", ge=1)
    items: int = key(3000, "number of items", ge=1)
    ratings: int = key(150_000, "number of ratings, without the dirty rows", ge=1)
    groups: int = key(20, "number of planted groups of items", ge=1)
    seed: int = key(7, "seed of the generator", ge=0, lt=2**63)


class Lake(Section):
    """Storage of the tables."""

    path: str = key(
        "out/lake", "folder of the tables: a local path, or a URI that both pyarrow.fs and Spark support", min_length=1
    )


class Spark(Section):
    """Workarounds for PySpark, by issue."""

    cache_zip_directories: bool = key(
        False,
        "SPARK-54744: PySpark calls importlib.invalidate_caches() before every task, and Python then reads the directory of "
        "every zip archive on its path again (0.15 CPU seconds a task); true: patch zipimport in the Python workers so that "
        "an archive is read again only after it has changed",
    )


class Graph(Section):
    """The graph as memory-mapped CSR partitions."""

    reverse_probabilities: bool = key(
        True, "store the probability of each edge's reverse step, 4 bytes an edge; walks with 1/p above max(1, 1/q) need it"
    )
    partitions: int = key(0, "partitions of the nodes; 0: as many as graph.partition_gib needs", ge=0)
    partition_gib: float = key(0.0, "largest size of a partition; 0: half the memory of a task's host", "GiB", ge=0)


class Walks(Section):
    """node2vec's biased random walks."""

    num_walks: int = key(10, "walks from each start node", "walks", ge=1)
    walk_length: int = key(80, "nodes of a walk, with its start", "nodes", ge=2, lt=2**24)
    p: float = key(1.0, "return parameter: the bias of a step back to the previous node is 1/p", ge=1e-100, le=1e100)
    q: float = key(
        1.0,
        "in-out parameter: the bias of a step to a node that is no neighbour of the previous node is 1/q",
        ge=1e-100,
        le=1e100,
    )
    seed: int = key(7, "seed of the walks; they do not depend on the number of tasks, shards or partitions", ge=0, lt=2**63)
    starts: str = key("", 'table (Parquet, or CSV with header) of the start nodes; "": every node')
    starts_column: str = key("item_id", "column of ids in walks.starts", min_length=1)
    restart_probability: float = key(0.0, "probability that a step returns to the walk's start", ge=0, lt=1)
    stop_probability: float = key(0.0, "probability that a walk ends before a step", ge=0, lt=1)
    engine: Literal["auto", "replicated", "partitioned"] = key(
        "auto",
        "replicated: every task maps the graph; partitioned: walkers move between partitions; auto: replicated if the graph "
        "has one partition",
    )
    num_shards: int = key(0, "shards of the walks, one task each; 0: from the number of walks", ge=0)


class Neighbours(Section):
    """The k nearest items by cosine, exact."""

    k: int = key(10, "neighbours of an item", "items", ge=1)
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


class Pipeline(Section):
    """What the line makes."""

    tables: list[str] = key(
        lambda: ["neighbours", "export"], "tables that are wanted; every job that they need runs, where it is not up to date"
    )


class Config(Section):
    """All sections; each job declares those that it depends on."""

    input: Input = key(Input, "")
    sample: Sample = key(Sample, "")
    lake: Lake = key(Lake, "")
    spark: Spark = key(Spark, "")
    interactions: Interactions = key(Interactions, "")
    merge: Merge = key(Merge, "")
    pairs: Pairs = key(Pairs, "")
    pmi: Pmi = key(Pmi, "")
    edges: Edges = key(Edges, "")
    graph: Graph = key(Graph, "")
    walks: Walks = key(Walks, "")
    train: Train = key(Train, "")
    neighbours: Neighbours = key(Neighbours, "")
    export: Export = key(Export, "")
    report: Report = key(Report, "")
    pipeline: Pipeline = key(Pipeline, "")

    @model_validator(mode="after")
    def check_report_group(self) -> "Config":
        """Raise `ValueError` where report.group names a column that the items table will not have."""
        group, keep = self.report.group, self.input.item_columns.keep
        if group and self.input.items and group not in keep:
            raise ValueError(f"report.group: {group} is not among input.item_columns.keep {keep}")
        return self
