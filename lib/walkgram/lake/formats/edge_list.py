"""Edge lists: text with one edge a line, `src dst` or `src dst weight`, or the fields that input.edge_list names.

The first edge sets the number of fields for all lines, so that a truncated line does not become an edge of weight 1. The form
is checked by the first lines of each file; what an edge list cannot tell (a header, four fields, commas) ends the run.
"""

import re
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from walkgram.config.source import Input
from walkgram.errors import InputError
from walkgram.lake.formats.base import CORRUPT_RECORD, Format, SourceFiles
from walkgram.lake.formats.edge_form import check_heads, find_headers, is_attribute_line
from walkgram.lake.formats.lines import EdgeListHead, decode_delimiter, read_edge_list_heads, read_lines, separator_pattern

__all__ = ["FORMAT", "read_edge_list"]

DEFAULT_NAMES = ("src", "dst", "weight")
NUMBER = r"[^\s,'\"})]+"


def read_edge_list(spark: SparkSession, files: SourceFiles, config: Input) -> DataFrame:
    """Read src, dst, and weight if the edges have one, all as text; `_corrupt_record` is the fault of a line of another form.

    Raises `InputError` where the first lines show another form than that of an edge list.
    """
    heads = read_edge_list_heads(files, config)
    comments = {comment for head in heads for comment in head.comments}
    lines = read_lines(spark, files, config, sorted(comments | set(find_headers(heads, config))))
    if not config.edge_list.columns and any(is_attribute_line(line, config) for head in heads for line in head.lines[:1]):
        return read_attribute_lines(lines, heads, config)
    num_fields = check_heads(heads, config)
    names = list(config.edge_list.columns) or list(DEFAULT_NAMES[:num_fields])
    fields = lines.withColumn("fields", F.split("line", separator_pattern(decode_delimiter(config)), -1))
    is_edge = (F.size("fields") == len(names)) & ~is_late_comment(F.col("line"), config)
    columns = [
        F.when(is_edge, F.nullif(F.btrim(F.get("fields", F.lit(i)), F.lit(" \t")), F.lit(""))).alias(name)
        for i, name in enumerate(names)
        if name in DEFAULT_NAMES
    ]
    expected = f"input.edge_list.columns names {len(names)}" if config.edge_list.columns else f"the first edge has {len(names)}"
    fault = F.concat(F.lit("a line has "), F.size("fields"), F.lit(f" field(s) where {expected}"))
    return fields.select(*columns, F.when(~is_edge, describe_line(fault, config)).alias(CORRUPT_RECORD))


def is_late_comment(line: Column, config: Input) -> Column:
    """Return whether a line below the top looks like a comment (# and a blank), which is no edge of a node "#"."""
    return F.lit(False) if config.comment else line.rlike(r"^[#%]+[ \t]")


def describe_line(fault: Column, config: Input) -> Column:
    """Complete the fault of a line by the line's first characters, and by the remedy where it looks like a comment."""
    hint = ' (if it is a comment, set input.comment = "#"; comments are expected at the top only)'
    looks_like_comment = F.lit(False) if config.comment else F.col("line").rlike(r"^[#%]")
    return F.concat(fault, F.when(looks_like_comment, hint).otherwise(""), F.lit(": "), F.substring("line", 1, 100))


def read_attribute_lines(lines: DataFrame, heads: Sequence[EdgeListHead], config: Input) -> DataFrame:
    """Read edges with a dictionary of attributes, as networkx.write_edgelist writes them: 1 2 {'weight': 0.5}.

    The attribute that input.edge_columns.weight names is the weight. An edge without it weighs 1, as in networkx, unless the
    configuration names the attribute.
    """
    separator = separator_pattern(decode_delimiter(config))
    pattern = rf"^(.+?){separator}(.+?){separator}\s*(\{{.*\}})$"
    name = config.edge_columns.weight
    is_named = bool(name) and "weight" in config.edge_columns.model_fields_set
    attribute = rf"""(?:^\{{|, )['"]{re.escape(name)}['"]: (?:np\.\w+\()?['"]?({NUMBER})"""
    if is_named and not any(re.search(attribute, line[line.find("{") :]) for head in heads for line in head.lines):
        raise InputError(
            f'{heads[0].path}: no edge has the attribute {name!r}: set input.edge_columns.weight to another, or to ""'
        )
    is_edge = F.col("line").rlike(pattern)
    src, dst, attributes = (F.regexp_extract("line", pattern, i) for i in (1, 2, 3))
    ends = [F.when(is_edge, F.nullif(F.btrim(end, F.lit(" \t")), F.lit(""))) for end in (src, dst)]
    weight = F.nullif(F.regexp_extract(attributes, attribute, 1), F.lit(""))
    fault = describe_line(F.lit("a line is not an edge with a dictionary, as the first edge is"), config)
    return lines.select(
        ends[0].alias("src"),
        ends[1].alias("dst"),
        F.when(is_edge, weight if is_named else F.coalesce(weight, F.lit("1"))).alias("weight"),
        F.when(~is_edge, fault).alias(CORRUPT_RECORD),
    )


FORMAT = Format("edgelist", (".edgelist", ".edges", ".el", ".ssv", ".txt"), read_edge_list, is_text=True, is_edge_list=True)
