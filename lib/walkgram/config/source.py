"""The keys of the source: where it is, its columns, how it is read."""

from typing import Literal

from pydantic import field_validator, model_validator

from walkgram.config.base import Section, key
from walkgram.config.locations import Location, Url
from walkgram.config.text import SideFormat, check_encoding, check_mark, find_conflict, read_delimiter

__all__ = ["Columns", "EdgeColumns", "EdgeList", "Input", "ItemColumns", "Sample"]


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


class EdgeList(Section):
    """Form of the lines of an edge list or adjacency list."""

    columns: list[str] = key(
        list,
        'the fields of a line by place: src, dst, weight, and "_" or "other" for a field to ignore; empty: src dst '
        "[weight], as the first edge has it",
    )
    delimiter: str = key("", 'delimiter of the fields, such as "," or "\\t"; "": blanks (spaces and tabs)', max_length=4)
    header: bool | None = key(
        None, "true: the first line of each file is a header to skip; false: it is an edge; not set: a header ends the run"
    )

    @model_validator(mode="after")
    def check_columns(self) -> "EdgeList":
        """Raise `ValueError` where the columns are not one src, one dst and at most one weight."""
        names = [name for name in self.columns if name not in ("_", "other")]
        if self.columns and sorted(names) not in (["dst", "src"], ["dst", "src", "weight"]):
            raise ValueError(
                f"input.edge_list.columns = {self.columns}: name src and dst once, weight at most once, and every other field _"
            )
        return self


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
    format: Literal["auto", "csv", "parquet", "json", "edgelist", "adjacency", "matrix_market"] = key(
        "auto",
        "csv (delimited text), parquet, json (one object a line, or one value over several lines), edgelist "
        "(src dst [weight]), adjacency (a node and its neighbours a line), matrix_market (coordinates); auto: by suffix",
    )
    delimiter: str = key(
        ",",
        "what separates the fields of CSV, such as ; or :: or \\t (a tab) or \\x01; files that end in .tsv are split at tabs "
        "where it has the default",
        min_length=1,
        max_length=4,
    )
    header: bool = key(
        True,
        "the first line of CSV names the columns; a first line of numbers is an error unless this key is set; false: "
        "column_names has the names",
    )
    column_names: list[str] = key(
        list, 'names of the columns of CSV without a header; []: they are called "0", "1", ... by position'
    )
    quote: str = key(
        '"',
        'character around CSV fields that hold delimiters, line ends or quotes, which are doubled; "": quotes are plain text, '
        "as in files that end in .tsv unless this key or escape is set",
        max_length=1,
    )
    escape: str = key(
        "",
        'character that may precede a quote in a quoted field, such as a backslash; "": quotes are only doubled',
        max_length=1,
    )
    multiline: bool = key(
        True,
        "quoted CSV fields may contain line ends, which is refused where each line could be a row, unless this key is set; "
        "false: they may not, and large files are read in parallel",
    )
    encoding: str = key("UTF-8", "character encoding of CSV and edge lists: a name that Python knows", min_length=1)
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
    items_format: SideFormat = key(SideFormat, "")
    nodes_format: SideFormat = key(SideFormat, "")
    url: Url = key(
        "", "address of the zip archive to download (input.source = archive); its secrets are hidden in all output", repr=False
    )
    cache: Location = key("", 'folder of downloads; "": the user\'s cache folder')
    sha256: dict[str, str] = key(dict, "SHA-256 of each file taken from the archive")
    explode: str = key(
        "",
        "column that holds a list of items or structs: one row an entry, its fields named as items.id; "
        'for JSON and Parquet, and the interactions or edges only; "": none',
    )
    comment: str = key(
        "",
        "start of comment lines anywhere in an edge list or adjacency list; none: no line is a comment; "
        '"": the lines at the top that begin with # or %',
        max_length=8,
    )
    edge_list: EdgeList = key(EdgeList, "")

    read_delimiter = field_validator("delimiter")(read_delimiter)
    check_mark = field_validator("quote", "escape")(check_mark)
    check_encoding = field_validator("encoding")(check_encoding)

    @model_validator(mode="after")
    def check_text(self) -> "Input":
        """Raise `ValueError` where the keys of a text table contradict each other."""
        sides = {"input.items_format": self.read_as("items_format"), "input.nodes_format": self.read_as("nodes_format")}
        for keys, table in {"input": self, **sides}.items():
            fault = find_conflict(keys, table.delimiter, table.quote, table.escape)
            if not fault and table.column_names and table.header:
                fault = f"{keys}.column_names names the columns of files without a header: set {keys}.header = false"
            if not fault and len(set(table.column_names)) < len(table.column_names):
                fault = f"{keys}.column_names has a name twice: {', '.join(table.column_names)}"
            if fault:
                raise ValueError(fault)
        return self

    def read_as(self, side: Literal["items_format", "nodes_format"]) -> "Input":
        """Return the section as it holds for a side table: its own keys of text where they are set, else those here."""
        own: SideFormat = getattr(self, side)
        return self.model_copy(update={"column_names": [], **own.overrides()})

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
