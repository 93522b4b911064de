"""The formats of source tables, by name and by suffix.

To add a format: write a module with a `Format` beside this one, add it to the tuple below, and add its name to the key
`input.format` in `walkgram/config/source.py`, which may not import this package (a test compares the two).
"""

from collections.abc import Mapping

from walkgram.errors import InputError
from walkgram.lake.formats import adjacency, csv, edge_list, json, matrix_market, parquet
from walkgram.lake.formats.base import Format, SourceFiles, file_suffix

__all__ = ["FORMATS", "detect_format", "list_formats"]

FORMATS: Mapping[str, Format] = {
    f.name: f for f in (csv.FORMAT, parquet.FORMAT, json.FORMAT, edge_list.FORMAT, adjacency.FORMAT, matrix_market.FORMAT)
}
TO_CSV = 'convert it, such as by networkx.to_pandas_edgelist(networkx.{}(FILE)).to_csv("edges.csv", index=False), and set '
EDGE_KEYS = "input.edge_columns.src = source, input.edge_columns.dst = target"
REMEDIES = {
    ".graphml": ("GraphML", TO_CSV.format("read_graphml") + EDGE_KEYS),
    ".gml": ("GML", TO_CSV.format("read_gml") + EDGE_KEYS),
    ".gexf": ("GEXF", TO_CSV.format("read_gexf") + EDGE_KEYS),
    ".net": ("Pajek", TO_CSV.format("read_pajek") + EDGE_KEYS),
    ".xlsx": ("a spreadsheet", "save it as CSV"),
    ".orc": ("ORC", "convert it to Parquet, or pass a DataFrame to the Python API"),
    ".avro": ("Avro", "convert it to Parquet, or pass a DataFrame to the Python API"),
    ".feather": ("Feather", "convert it to Parquet, such as by pandas.read_feather(FILE).to_parquet"),
    ".npz": ("NumPy's archive", "write the matrix by scipy.io.mmwrite and read it as matrix_market"),
}


def list_formats(is_edges: bool) -> dict[str, Format]:
    """Return the formats of an edge table (`is_edges`) or of any other table, by name."""
    return {name: source_format for name, source_format in FORMATS.items() if is_edges or not source_format.is_edge_list}


def detect_format(files: SourceFiles, formats: Mapping[str, Format]) -> Format:
    """Return the format that all files have by their suffixes. Raises `InputError` if one has none or they differ."""
    by_suffix = {suffix: name for name, source_format in formats.items() for suffix in source_format.suffixes}
    for info in files.infos:
        if remedy := REMEDIES.get(file_suffix(info.base_name)):
            raise InputError(f"{info.path}: the format {remedy[0]} is not read: {remedy[1]}")
    names = {by_suffix.get(file_suffix(info.base_name), "") for info in files.infos}
    if len(names) != 1 or "" in names:
        *first, last = formats
        raise InputError(
            f"{files.uri}: cannot tell the format by the files' suffixes: set {files.keys}.format to {', '.join(first)} "
            f"or {last}, and input.interactions to the table's file where the folder holds several"
        )
    return formats[names.pop()]
