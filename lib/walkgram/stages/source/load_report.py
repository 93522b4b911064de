"""What a load understood of its source: one block of lines for the user, and the same values for the manifest."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from walkgram.errors import InputError

__all__ = [
    "describe_faults",
    "describe_first_row",
    "describe_hub",
    "find_largest",
    "log_report",
    "match_items",
    "warn_of_sides",
    "warn_of_times",
    "warn_of_weights",
]

LIKE_TIMES = 1e8  # weights from here on are more likely seconds since 1970


def describe_first_row(rows: DataFrame, counts: Mapping[str, Any]) -> str:
    """Return the first usable row as it was read. rows: parsed; counts: of their profile, with the row as `first_row`."""
    if counts["first_row"] is None:
        return ""
    types, texts = dict(rows.dtypes), {"bigint": "long", "string": "text"}
    parts = []
    for name, value in counts["first_row"].asDict().items():
        kind = f" ({texts[types[name]]})" if types[name] in texts else ""
        parts.append(f"{name} {'null' if value is None else value}{kind}")
    return ", ".join(parts)


def describe_faults(counts: Mapping[str, Any]) -> dict[str, str]:
    """Return the bad rows by what cannot be read, each with an example. counts: of a profile."""
    found = {f"column {name}": f"{count:,} (for example {example})" for name, (count, example) in counts["faults"].items()}
    others = counts["bad"] - sum(count for count, _ in counts["faults"].values())
    return found | ({"rows": f"{others:,}"} if others else {})


def find_largest(rows: DataFrame, column: str, num_rows: int) -> str:
    """Return the value of a column with the most rows, and its share of `num_rows`. One shuffle by the column."""
    counts = rows.groupBy(column).agg(F.count(F.lit(1)).alias("n"))
    row = counts.agg(F.count(F.lit(1)).alias("values"), F.max(F.struct("n", column)).alias("top")).first()
    if row is None or row["top"] is None:
        return ""
    return (
        f"{row['values']:,}, the largest {row['top'][column]} with {row['top']['n']:,} rows ({row['top']['n'] / num_rows:.1%})"
    )


def describe_hub(vocabulary: DataFrame, num_nodes: int) -> str:
    """Return the number of nodes, and the one with the most edges."""
    hub = vocabulary.where("index = 0").first()
    return f"{num_nodes:,}" if hub is None else f"{num_nodes:,}, the largest {hub['item_id']} with {hub['frequency']:,} edges"


def warn_of_weights(counts: Mapping[str, Any]) -> str:
    """Return a warning where weights are as large as times, or "". counts: of a profile."""
    if counts["highest"] is None or counts["highest"] < LIKE_TIMES:
        return ""
    return (
        f"weights range from {counts['lowest']:g} to {counts['highest']:g}: if they are times, set input.edge_columns.weight "
        'to ""; if not, a logarithm gives walks that do not all take the same edge'
    )


def warn_of_sides(counts: Mapping[str, Any]) -> str:
    """Return a warning where src and dst seem to number different things from the same start, or "". counts: of a profile.

    In the edges of one kind of node both columns rarely hold every number up to a different end; user and item numbers do.
    """
    ends = [[counts.get(f"{name}_{end}") for name in ("first", "last", "distinct")] for end in ("src", "dst")]
    numbers = [[int(value) for value in end if value is not None] for end in ends]
    if any(len(end) < 3 for end in numbers):
        return ""
    (first, last, distinct), (other_first, other_last, other_distinct) = numbers
    is_dense = all(abs(n - (high - low + 1)) <= max(1, 0.03 * n) for low, high, n in numbers)
    sizes = sorted((distinct, other_distinct))
    if not is_dense or first != other_first or sizes[1] < 1.1 * sizes[0]:
        return ""
    return (
        f"src has the numbers {first} to {last}, dst {other_first} to {other_last}: if the columns name different things, as "
        f"users and items, {first} is one node here; give the two sides different ids"
    )


def warn_of_times(counts: Mapping[str, Any], column: str, unit: str) -> str:
    """Return a warning where times are outside 1990 to tomorrow, with the most likely reason, or "". counts: of a profile."""
    if not counts["odd_times"]:
        return ""
    first, last = str(counts["first_time"]), str(counts["last_time"])
    reason = "are the unit (input.timestamp_unit) and the column right?"
    if first.startswith("1970") and last.startswith("1970"):
        reason = (
            "dates such as 20190412 need input.timestamp_format = yyyyMMdd"
            if counts["numbers_are_dates"]
            else f"numbers are read as {unit}: is input.timestamp_unit right?"
        )
    return f"{counts['odd_times']:,} times of column {column!r} are before 1990 or after tomorrow ({first} to {last}): {reason}"


def match_items(vocabulary: DataFrame, items: DataFrame, has_titles: bool, path: str) -> str:
    """Return the share of the vocabulary that has a title (a row, where the items have no titles).

    Raises `InputError` where it is 0: the two tables name different things, or write the ids in different ways.
    """
    title = F.col("title") if has_titles else F.col("item_id")
    known = items.where(title.isNotNull()).select("item_id", F.lit(1).alias("known"))
    row = vocabulary.join(known, "item_id", "left").agg(F.count("known").alias("n"), F.count(F.lit(1)).alias("all")).first()
    matched, total = (0, 0) if row is None else (row["n"], row["all"])
    if matched == 0:
        ours, theirs = (frame.agg(F.min("item_id")).first() for frame in (vocabulary, items))
        examples = [None if found is None else found[0] for found in (ours, theirs)]
        what = "has a title" if has_titles else "has a row"
        raise InputError(
            f"{path}: no item {what} there: its ids are such as {examples[1]}, those of the items here such as {examples[0]}: "
            'check input.item_columns.item_id, input.id_type and the files, or set input.items to ""'
        )
    return f"{matched / total:.1%} of {total:,} items have a {'title' if has_titles else 'row'}"


def log_report(log: Callable[[str], None], title: str, report: Mapping[str, object]) -> None:
    """Log the title and the block's lines."""
    for line in (title, *format_report(report)):
        log(line)


def format_report(report: Mapping[str, object]) -> list[str]:
    """Return the block's lines: a name and its value, a mapping as "value name" joined by commas, a list as a line each."""
    width = max((len(name) for name in report), default=0)
    lines = []
    for name, value in report.items():
        values: Sequence[object]
        if isinstance(value, Mapping):
            values = [", ".join(f"{format_value(count)} {what}" if isinstance(count, int) else f"{what}: {count}"
                                for what, count in value.items())]  # fmt: skip
        else:
            values = list(value) if isinstance(value, list) else [value]
        lines += [f"  {name:<{width}}  {format_value(one)}" for one in values if one not in ("", None)]
    return lines


def format_value(value: object) -> str:
    """Return a value as text, whole numbers with separators."""
    return f"{value:,}" if isinstance(value, int) else str(value)
