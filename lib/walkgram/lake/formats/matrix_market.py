"""MatrixMarket: a sparse square matrix, of which entry (i, j) is the edge from node i to node j; nodes count from 1.

A symmetric matrix stores each pair once. Undirected, an entry is an edge; directed (input.directed), an entry off the diagonal
is two edges, one each way. Of a general matrix (i, j) and (j, i) are two entries, whose weights add up in an undirected graph.
Format: https://math.nist.gov/MatrixMarket/formats.html
"""

import io
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from walkgram.config.source import Input
from walkgram.errors import InputError
from walkgram.lake.formats.base import CORRUPT_RECORD, Format, SourceFiles, open_reader

__all__ = ["FORMAT", "read_matrix_market"]

BLANKS = r"\s+"


class MatrixHeader(NamedTuple):
    """The header of a file: the line of sizes as it stands there, the number of entries, and what the banner says."""

    sizes: str
    num_entries: int
    has_values: bool
    is_symmetric: bool


def read_matrix_market(spark: SparkSession, files: SourceFiles, config: Input) -> DataFrame:
    """Read src, dst, and weight if the matrix has values, as text; `_corrupt_record` is the fault of a line of another form.

    Raises `InputError` for a matrix that is no graph's, and where the number of entries is not that of the line of sizes.
    """
    if len(files.infos) > 1:
        raise InputError(
            f"{files.uri}: {len(files.infos)} MatrixMarket files: set input.interactions to the matrix of the graph"
        )
    path = files.infos[0].path
    header = read_header(files)
    lines = open_reader(spark, files).text(files.spark_uri).select(F.btrim(F.col("value"), F.lit(" \t")).alias("line"))
    lines = lines.where(~F.col("line").rlike(r"^(%|\s*$)"))
    counts = lines.agg(F.count("line").alias("lines"), F.count_if(F.col("line") == header.sizes).alias("equal")).first()
    num_lines, num_equal = (0, 0) if counts is None else (counts["lines"], counts["equal"])
    if num_lines - 1 != header.num_entries:
        raise InputError(
            f"{path}: {num_lines - 1:,} entries, but its line of sizes says {header.num_entries:,}: the file is incomplete or "
            "damaged: replace it"
        )
    entries = lines.where(F.col("line") != header.sizes)
    if num_equal > 1:  # entries that read like the line of sizes: Spark's rows have no order by which to tell them apart
        entries = entries.unionAll(spark.range(num_equal - 1).select(F.lit(header.sizes).alias("line")))
    return split_entries(entries, header, config.directed)


def split_entries(entries: DataFrame, header: MatrixHeader, directed: bool) -> DataFrame:
    """Split entries into columns, and return both directions of a symmetric matrix for a directed graph."""
    names = ["src", "dst", "weight"] if header.has_values else ["src", "dst"]
    fields = entries.withColumn("fields", F.split("line", BLANKS))
    is_edge = F.size("fields") == len(names)
    columns = [F.when(is_edge, F.get("fields", F.lit(i))).alias(name) for i, name in enumerate(names)]
    fault = F.concat(
        F.lit("a line has "),
        F.size("fields"),
        F.lit(f" field(s) where an entry has {len(names)}: "),
        F.substring("line", 1, 100),
    )
    edges = fields.select(*columns, F.when(~is_edge, fault).alias(CORRUPT_RECORD))
    if not (header.is_symmetric and directed):
        return edges
    off_diagonal = edges.where(F.col(CORRUPT_RECORD).isNull() & (F.col("src") != F.col("dst")))
    reverse = off_diagonal.select(F.col("dst").alias("src"), F.col("src").alias("dst"), *edges.columns[2:])
    return edges.unionByName(reverse)


def read_header(files: SourceFiles) -> MatrixHeader:
    """Read the banner and the line of sizes. Raises `InputError` that says why a matrix is no graph's."""
    path = files.infos[0].path
    with files.system.open_input_stream(path, compression="detect") as stream:
        try:
            text = io.TextIOWrapper(stream, encoding="latin-1")
            banner = next(text, "").lower().split()
            sizes = next((line.strip() for line in text if line.strip() and not line.startswith("%")), "")
        except OSError as error:
            raise InputError(f"{path}: the file cannot be read: {error}") from None
    if len(banner) != 5 or banner[0] != "%%matrixmarket" or banner[1] != "matrix":
        raise InputError(f"{path}: the first line is no banner of a MatrixMarket matrix: set input.format to what the file is")
    layout, field, symmetry = banner[2:]
    if layout != "coordinate":
        raise InputError(f"{path}: a dense matrix ({layout}): write it in coordinate form, such as by scipy.io.mmwrite")
    if field not in ("real", "double", "integer", "pattern") or symmetry not in ("general", "symmetric"):
        raise InputError(
            f"{path}: a {field} {symmetry} matrix: edges need weights above 0, so the matrix must be real, integer or pattern, "
            "and general or symmetric: convert it"
        )
    numbers = sizes.split()
    if len(numbers) != 3 or not all(number.isdecimal() for number in numbers):
        raise InputError(f"{path}: the line of sizes (rows, columns, entries) is {sizes[:60]!r}: replace the file")
    num_rows, num_columns, num_entries = (int(number) for number in numbers)
    if num_rows != num_columns:
        raise InputError(
            f"{path}: a matrix of {num_rows:,} rows and {num_columns:,} columns: row 1 and column 1 of a matrix that is not "
            "square are different nodes: write an edge list with distinct ids, or the pairs as interactions"
        )
    return MatrixHeader(sizes, num_entries, field != "pattern", symmetry == "symmetric")


FORMAT = Format("matrix_market", (".mtx",), read_matrix_market, is_text=True, is_edge_list=True)
