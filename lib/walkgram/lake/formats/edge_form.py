"""The form of an edge list by the first lines of its files: number of fields, headers, comments, and what it cannot be."""

import re
from collections import Counter
from collections.abc import Sequence

from walkgram.config.source import Input
from walkgram.errors import InputError
from walkgram.lake.formats.lines import EdgeListHead, decode_delimiter, split_fields

__all__ = ["check_heads", "find_headers", "is_attribute_line"]

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
HEADER_WORDS = {
    *("src", "source", "from", "fromnodeid", "from_id", "node1", "node_1", "start", "tail", "u"),
    *("dst", "dest", "target", "to", "tonodeid", "to_id", "node2", "node_2", "end", "head", "v"),
}
FAR_FIELDS = 3  # lines with more fields hold something besides src, dst and weight
MIN_LINES = 4  # fewer lines of different length may be torn ones
ADJACENCY_SHARE = 0.25  # share of lines of another length from which they are no torn lines
DELIMITERS = (",", ";", "|", "::", ":")


def check_heads(heads: Sequence[EdgeListHead], config: Input) -> int:
    """Return the number of fields: that of input.edge_list.columns, else of the first edge, 2 or 3; 3 if there is no edge.

    Raises `InputError` with the remedy where the lines are of another form, or where it is unclear which lines are comments.
    """
    delimiter = decode_delimiter(config)
    sizes = {head.path: [len(split_fields(line, delimiter)) for line in head.lines] for head in heads}
    for head in heads:
        if not delimiter:
            check_blanks(head, sizes[head.path])
        if not config.edge_list.columns:
            check_lengths(head, sizes[head.path])
    first_size = next((size for head in heads for size in sizes[head.path] if size in (2, 3)), FAR_FIELDS)
    num_fields = len(config.edge_list.columns) or first_size
    check_comments(heads, num_fields, config)
    return num_fields


def check_blanks(head: EdgeListHead, sizes: Sequence[int]) -> None:
    """Raise `InputError` where a file that is to be split at blanks has another delimiter: `1, 2` or `1;2`."""
    for delimiter in DELIMITERS:
        first_fields = [re.split(r"[ \t]+", line)[0] for line in head.lines]
        is_trailing = all(len(field) > len(delimiter) and field.endswith(delimiter) for field in first_fields)
        is_inside = all(size == 1 and delimiter in line[1:] for size, line in zip(sizes, head.lines, strict=True))
        if head.lines and (is_trailing or is_inside):
            raise InputError(
                f"{head.path}: the fields are split at {delimiter!r} ({head.lines[0][:60]!r}), not at blanks: "
                f'set input.edge_list.delimiter = "{delimiter}"'
            )


def check_lengths(head: EdgeListHead, sizes: Sequence[int]) -> None:
    """Raise `InputError` where the lines have four fields or more, or are of different lengths, as in an adjacency list."""
    counts = Counter(sizes)
    if len(sizes) >= MIN_LINES and max(sizes) >= FAR_FIELDS:
        others = len(sizes) - counts.most_common(1)[0][1]
        if len(counts) >= FAR_FIELDS or others >= ADJACENCY_SHARE * len(sizes):
            raise InputError(
                f"{head.path}: the lines have {min(sizes)} to {max(sizes)} fields: if it is an adjacency list (a node and its "
                'neighbours), set input.format = "adjacency"; else name the fields in input.edge_list.columns'
            )
    if sizes and sizes[0] > FAR_FIELDS:
        example = ["src", "dst", "weight", *["_"] * (sizes[0] - FAR_FIELDS)]
        raise InputError(
            f"{head.path}: the first edge has {sizes[0]} fields ({head.lines[0][:60]!r}): name them, such as "
            f"input.edge_list.columns = {example}".replace("'_'", '"_"')
            + ", or set input.edge_list.delimiter"
        )


def check_comments(heads: Sequence[EdgeListHead], num_fields: int, config: Input) -> None:
    """Raise `InputError` for a line at the top of a file that may be a comment or an edge between hashtags (#a #b)."""
    delimiter = decode_delimiter(config)
    for head in heads:
        for line in head.comments:
            if len(split_fields(line, delimiter)) == num_fields and not re.match(r"[#%]+(\s|$)", line):
                raise InputError(
                    f"{head.path}: is {line[:60]!r} a comment or an edge? Set input.comment to the start of comments, "
                    f'such as "{line[0]}", or to "none" if no line is a comment'
                )


def find_headers(heads: Sequence[EdgeListHead], config: Input) -> list[str]:
    """Return the lines to drop as headers. Raises `InputError` if there is one and input.edge_list.header is not set."""
    is_header = config.edge_list.header
    if is_header is False:
        return []
    if is_header:
        return [head.lines[0] for head in heads if head.lines]
    delimiter = decode_delimiter(config)
    for head in heads:
        if head.lines and is_header_line([split_fields(line, delimiter) for line in head.lines]):
            raise InputError(
                f"{head.path}: the first line looks like a header ({head.lines[0][:60]!r}): set input.edge_list.header = true "
                "to skip it, or false if it is an edge"
            )
    return []


def is_header_line(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first row holds names: known ones, or text where all other rows have numbers."""
    first, others = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    if len(first) < 2:
        return False
    if {field.strip("\"'").lower() for field in first[:2]} <= HEADER_WORDS and len(set(first[:2])) == 2:
        return True
    is_text = [not NUMBER.fullmatch(field) for field in first]
    is_numeric = [bool(others) and all(NUMBER.fullmatch(row[i]) for row in others) for i in range(len(first))]
    has_numeric_ends = is_numeric[0] and is_numeric[1]
    has_numeric_weight = len(first) > 2 and is_numeric[2] and is_text[2]
    return is_text[0] and is_text[1] and (has_numeric_ends or has_numeric_weight)


def is_attribute_line(line: str, config: Input) -> bool:
    """Return whether a line ends with a dictionary in its third field, as networkx writes edges with data."""
    delimiter = decode_delimiter(config)
    fields = split_fields(line, delimiter)
    rest = line[line.find("{") :]
    return len(fields) > 2 and fields[2].startswith("{") and rest.endswith("}") and re.match(r"\{(\}|['\"])", rest) is not None
