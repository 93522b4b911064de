"""The keys of the source: where it is, its columns, how it is read."""

from typing import Literal

from pydantic import model_validator

from walkgram.config.base import Section, key
from walkgram.config.locations import Location, Url

__all__ = ["Columns", "EdgeColumns", "Input", "ItemColumns", "Sample"]


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
    path: Location = key("", "folder or file of the source; if it is set, input.source has no effect")
    source: Literal["files", "archive", "sample"] = key(
        "files", "source if input.path is empty: files (an error that asks for a path), archive (download input.url), sample"
    )
    interactions: Location = key("", 'file or folder of the interactions (or edges) in the folder input.path; "": all of it')
    items: Location = key("", 'items table in input.path (or an absolute path); "": none')
    directed: bool = key(False, "kind edges: true if an edge leads from src to dst only")
    nodes: Location = key("", 'kind edges: table of all nodes (column item_columns.item_id) in input.path; "": none')
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
    where: str = key(
        "", 'SQL predicate over the source\'s columns; rows for which it is not true are left out and counted; "": all rows'
    )
    null_values: list[str] = key(
        lambda: ["", "\\N", "NULL", "null", "NA", "nan", "None", "<NA>"],
        "text that stands for null in columns of ids, ratings, times and weights",
    )
    id_type: Literal["auto", "long", "string"] = key(
        "auto",
        "type of ids; auto: that of the source, and whole numbers where every usable id of a CSV file or edge list is one; "
        "long: 007 and 7.0 are 7, other text is a bad value; string: as they stand",
    )
    timestamp_unit: Literal["s", "ms", "us"] = key("s", "unit of numeric timestamps, which count from 1970-01-01 UTC")
    timestamp_format: str = key(
        "",
        'pattern of times (Spark\'s datetime patterns) such as yyyyMMdd or dd.MM.yyyy HH:mm, also for numbers; "": numbers '
        "count from 1970, text is ISO 8601",
    )
    columns: Columns = key(Columns, "")
    item_columns: ItemColumns = key(ItemColumns, "")
    edge_columns: EdgeColumns = key(EdgeColumns, "")
    url: Url = key(
        "", "address of the zip archive to download (input.source = archive); its secrets are hidden in all output", repr=False
    )
    cache: Location = key("", 'folder of downloads; "": the user\'s cache folder')
    sha256: dict[str, str] = key(dict, "SHA-256 of each file taken from the archive")

    @model_validator(mode="after")
    def check_archive(self) -> "Input":
        """Raise `ValueError` where the archive to download has no address, or nothing to check it by."""
        if self.source == "archive" and not self.path:
            for name in (name for name in ("url", "sha256") if not getattr(self, name)):
                raise ValueError(f"input.{name} is empty: input.source = archive needs it, or set input.path")
        return self


class Sample(Section):
    """Size of the generated ratings (input.source = sample)."""

    users: int = key(1000, "number of users", ge=1)
    items: int = key(3000, "number of items", ge=1)
    ratings: int = key(150_000, "number of ratings, without the dirty rows", ge=1)
    groups: int = key(20, "number of planted groups of items", ge=1)
    seed: int = key(7, "seed of the generator", ge=0, lt=2**63)
