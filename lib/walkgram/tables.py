"""Every table: name, columns, types, meaning, key. The one written contract between the jobs.

Ids are longs or strings, as the source has them; `schema(..., id_type)` fills the type in. Inside, items have dense
indices 0..n-1 (column `index` of `vocabulary`; `src`, `dst` and `walk` hold them).
"""

from dataclasses import dataclass

import pyarrow as pa

__all__ = ["TABLES", "Column", "Table", "table_schema"]

ID = pa.null()  # stands for the source's id type until `schema` fills it in


@dataclass(frozen=True)
class Column:
    """A column: its Arrow type (`ID` for the source's id type) and what it means."""

    name: str
    type: pa.DataType
    meaning: str


@dataclass(frozen=True)
class Table:
    """A table: its columns in order, the columns that identify a row, and the jobs that make it, the usual one first.

    Without columns it is a folder of other files: block files, or files for people.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    made_by: tuple[str, ...]


LONG, DOUBLE, FLOAT, STRING = pa.int64(), pa.float64(), pa.float32(), pa.string()
PAIR = (Column("src", LONG, "dense index"), Column("dst", LONG, "dense index, above src unless directed"))
INTERACTION = (
    Column("user_id", ID, "user"),
    Column("item_id", ID, "item"),
    Column("rating", FLOAT, "rating; may be null"),
    Column("timestamp", pa.timestamp("us", "UTC"), "time of the interaction; may be null"),
)

TABLES = {
    table.name: table
    for table in (
        Table(
            "interactions",
            INTERACTION,
            ("user_id", "item_id"),
            made_by=("interactions", "merge"),
        ),
        Table(
            "interactions_rejected",
            INTERACTION,
            ("user_id", "item_id"),
            made_by=("interactions", "merge"),
        ),
        Table(
            "vocabulary",
            (
                Column("index", LONG, "dense index: by falling frequency, ties by rising item_id"),
                Column("item_id", ID, "item"),
                Column("frequency", LONG, "kept interactions; the number of its edges where edges were loaded"),
            ),
            ("index",),
            made_by=("interactions", "load_edges", "merge"),
        ),
        Table(
            "pairs",
            (
                *PAIR,
                Column("frequency", LONG, "users who kept both"),
                Column("support", DOUBLE, "weighted count; the frequency where users have no weights"),
            ),
            ("src", "dst"),
            made_by=("pairs", "merge"),
        ),
        Table(
            "edges",
            (
                *PAIR,
                Column("frequency", LONG, "users who kept both; null for a loaded edge"),
                Column("pmi", DOUBLE, "pointwise mutual information, natural log; null for a loaded edge"),
                Column("weight", DOUBLE, "weight of the edge, above 0"),
            ),
            ("src", "dst"),
            made_by=("edges", "load_edges"),
        ),
        Table(
            "walks",
            (
                Column("walk_id", LONG, "repetition * number of start nodes + index of the start among them"),
                Column("walk", pa.list_(pa.int32()), "dense indices of the nodes; shorter at a dead end"),
            ),
            ("walk_id",),
            made_by=("walks",),
        ),
        Table(
            "node_visits",
            (Column("index", LONG, "dense index of a node"), Column("count", LONG, "its visits in the walks")),
            ("index",),
            made_by=("walks",),
        ),
        Table(
            "losses",
            (
                Column("epoch", LONG, "epoch, from 1"),
                Column("loss", DOUBLE, "mean loss of the epoch's batches, measured on a fixed part of them"),
                Column("seconds", DOUBLE, "wall seconds of the epoch"),
                Column("validation_loss", DOUBLE, "loss of the walks that are kept back; null without any"),
            ),
            ("epoch",),
            made_by=("train",),
        ),
        Table(
            "embeddings",
            (
                Column("item_id", ID, "item"),
                Column("side", STRING, "which side of a bipartite graph; null on the main line"),
                Column("vector", pa.list_(FLOAT), "the embedding"),
                Column("context_vector", pa.list_(FLOAT), "the context's embedding; null where there is none"),
                Column("frequency", LONG, "as in the vocabulary"),
                Column("origin", STRING, "trained, or side_information"),
                Column("run_id", STRING, "the training run"),
            ),
            ("run_id", "side", "item_id"),
            made_by=("train",),
        ),
        Table(
            "neighbours",
            (
                Column("item_id", ID, "item"),
                Column("neighbour_id", ID, "its neighbour"),
                Column("rank", pa.int32(), "1 is the nearest"),
                Column("score", FLOAT, "by neighbours.metric: the cosine, by default"),
            ),
            ("item_id", "rank"),
            made_by=("neighbours",),
        ),
        Table("items", (), ("item_id",), made_by=("interactions", "load_edges", "merge")),
        Table("sample", (), (), made_by=("interactions",)),
        Table("baskets", (), (), made_by=("baskets", "merge")),
        Table("graph", (), (), made_by=("graph",)),
        Table("export", (), (), made_by=("export",)),
    )
}


def table_schema(name: str, id_type: pa.DataType | None = None) -> pa.Schema:
    """Return the Arrow schema of a table, with the ids' type filled in.

    Raises `KeyError` for an unknown table and `ValueError` where the table has ids and no type is given.
    """
    fields = []
    for column in TABLES[name].columns:
        if column.type == ID and id_type is None:
            raise ValueError(f"table {name} has ids: give their type")
        fields.append(pa.field(column.name, id_type if column.type == ID else column.type))
    return pa.schema(fields)
