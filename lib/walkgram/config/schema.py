"""The keys: every section as a frozen model, each key with its meaning, unit, default and limits."""

from typing import Literal

from pydantic import model_validator

from walkgram.config.base import Section, key
from walkgram.config.pairs import Edges, Interactions, Merge, Pairs, Pmi
from walkgram.config.train import Train

__all__ = ["Config", "Section"]


class Columns(Section):
    """What the columns of the interactions are called in the source."""

    user_id: str = key("user_id", "column of user ids", min_length=1)
    item_id: str = key("item_id", "column of item ids", min_length=1)
    rating: str = key("rating", 'column of ratings; "" where there is none (every rating is then null)')
    timestamp: str = key("timestamp", 'column of times; "" where there is none (every time is then null)')


class ItemColumns(Section):
    """What the columns of the items table are called in the source."""

    item_id: str = key("item_id", "column of item ids", min_length=1)
    title: str = key("title", 'column of titles; "" where there is none')
    lists: list[str] = key(list, "columns that hold lists (genres, tags): arrays, or text cut at list_separator")
    keep: list[str] = key(list, "further columns to keep as they are")
    list_separator: str = key("|", "what separates the entries of a list that is stored as text", min_length=1)


class EdgeColumns(Section):
    """What the columns of an edge table are called (an edge list of text has none: src, dst, weight by place)."""

    src: str = key("src", "column of the ids that edges leave", min_length=1)
    dst: str = key("dst", "column of the ids that edges reach", min_length=1)
    weight: str = key("weight", 'column of weights, all above 0; "", or not set and not there: every row weighs 1')


class Input(Section):
    """Where the interactions (and the items), or the edges, come from."""

    kind: Literal["interactions", "edges"] = key("interactions", "what the source is: ratings, or the edges of a graph")
    path: str = key("", "folder or file of the source; given, it is what is read, whatever input.source says")
    source: Literal["files", "archive", "sample"] = key(
        "files", "without input.path: files (an error that asks for a path), archive (download input.url), sample"
    )
    interactions: str = key("", 'the interactions (or edges) inside input.path where that is a folder; "": all of it')
    items: str = key("", 'the items table inside input.path (or an absolute path); "": none')
    directed: bool = key(False, "kind edges: they lead from src to dst alone")
    nodes: str = key("", 'kind edges: a table of all nodes (column item_columns.item_id) inside input.path; "": none')
    format: Literal["auto", "csv", "parquet", "json", "edgelist"] = key(
        "auto", "csv (with header), parquet, json (lines), edgelist (src dst [weight], split at blanks); auto: by suffix"
    )
    multiline: bool = key(True, "quoted CSV fields may hold line breaks; false: large files are read in parallel")
    encoding: str = key("UTF-8", "character encoding of CSV and edge lists", min_length=1)
    delimiter: str = key(",", "CSV's delimiter", min_length=1, max_length=4)
    bad_rows: Literal["fail", "drop"] = key(
        "fail",
        "rows with unreadable values, NaN or infinite ratings, bad weights, ends that are no nodes: fail ends the run, "
        "drop counts and leaves them out",
    )
    timestamp_unit: Literal["s", "ms", "us"] = key("s", "unit of timestamps that are numbers, since 1970-01-01 UTC")
    columns: Columns = key(Columns, "")
    item_columns: ItemColumns = key(ItemColumns, "")
    edge_columns: EdgeColumns = key(EdgeColumns, "")
    url: str = key("", "address of the zip archive that input.source = archive downloads")
    cache: str = key("", 'folder that keeps downloads; "": the user\'s cache folder')
    sha256: dict[str, str] = key(dict, "SHA-256 of each file taken from the archive")


class Sample(Section):
    """The generated ratings table of input.source = sample."""

    users: int = key(1000, "users", ge=1)
    items: int = key(3000, "items", ge=1)
    ratings: int = key(150_000, "ratings, dirty rows not counted", ge=1)
    groups: int = key(20, "planted groups of items", ge=1)
    seed: int = key(7, "seed", ge=0, lt=2**63)


class Lake(Section):
    """Where the tables lie."""

    path: str = key("out/lake", "folder of the tables: local, or a URI that pyarrow.fs and Spark both know", min_length=1)


class Graph(Section):
    """The graph that walkers map."""

    reverse_probabilities: bool = key(
        True, "keep the share of each edge's way back, 4 bytes an edge: walks with 1/p above max(1, 1/q) need it"
    )
    partitions: int = key(0, "partitions of nodes; 0: one where it fits graph.partition_gib, else as many as that takes", ge=0)
    partition_gib: float = key(0.0, "largest block; 0: half the memory of the host that a task runs on", "GiB", ge=0)


class Walks(Section):
    """node2vec's biased random walks."""

    num_walks: int = key(10, "walks that start at each node", "walks", ge=1)
    walk_length: int = key(80, "nodes of a walk, the start included", "nodes", ge=2, lt=2**24)
    p: float = key(1.0, "return parameter: the bias towards the node before is 1/p", ge=1e-100, le=1e100)
    q: float = key(
        1.0, "in-out parameter: the bias towards nodes that are no neighbours of the node before is 1/q", ge=1e-100, le=1e100
    )
    seed: int = key(7, "seed; the walks depend on it and on nothing else", ge=0, lt=2**63)
    starts: str = key("", 'table (Parquet, or CSV with header) of the nodes that walks start at; "": every node')
    starts_column: str = key("item_id", "its column of ids", min_length=1)
    restart_probability: float = key(0.0, "probability that a step goes back to the walk's start instead", ge=0, lt=1)
    stop_probability: float = key(0.0, "probability that a walk ends before a step", ge=0, lt=1)
    engine: Literal["auto", "replicated", "partitioned"] = key(
        "auto",
        "replicated: every task maps the graph; partitioned: walkers move between partitions; auto: by the graph's partitions",
    )
    num_shards: int = key(0, "shards of walks, and tasks that walk; 0: from the number of walks and cores", ge=0)


class Neighbours(Section):
    """Exact cosine top-k."""

    k: int = key(10, "neighbours of an item", "items", ge=1)
    block_rows: int = key(4096, "rows of a block of vectors", "items", ge=1)


class Export(Section):
    """Files for people: the Embedding Projector's tables and plots."""

    plots: bool = key(True, "draw loss.png and degrees.png (needs matplotlib: the extra `plots`)")


class Report(Section):
    """What the pipeline prints at its end."""

    titles: list[str] = key(list, "titles whose neighbours are printed; none: the most frequent items")
    items: int = key(5, "items printed where no titles are given", ge=0)
    neighbours: int = key(5, "neighbours printed for each", ge=1)
    group: str = key("", "column of the items table: print how many neighbours share it, against chance")


class Pipeline(Section):
    """What the line makes."""

    tables: list[str] = key(
        lambda: ["export", "neighbours"], "tables that are wanted; every job that they need runs, where it is not up to date"
    )


class Config(Section):
    """All sections; a job reads its own."""

    input: Input = key(Input, "")
    sample: Sample = key(Sample, "")
    lake: Lake = key(Lake, "")
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
    def check(self) -> "Config":
        """What the report groups by must be kept."""
        group, keep = self.report.group, self.input.item_columns.keep
        if group and self.input.items and group not in keep:
            raise ValueError(f"report.group: {group} is not among input.item_columns.keep {keep}")
        return self
