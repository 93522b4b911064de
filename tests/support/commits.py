"""Small runs that write tables of one text file into a lake, by transactions."""

from pathlib import Path

from walkgram.lake import paths
from walkgram.lake.manifest import Manifest, make_manifest
from walkgram.lake.transaction import Transaction


def edges_manifest() -> Manifest:
    return make_manifest("edges", {"a": 1}, {"pairs": "x"}, "1")


def write_part(out: Transaction, table: str, text: str) -> None:
    """Write the only file of a table."""
    paths.write_bytes(paths.join_path(out.folder(table), "part"), text.encode())


def write_edges(root: Path | str, text: str) -> Manifest:
    """Run a job that writes the table `edges`; return its manifest."""
    manifest = edges_manifest()
    with Transaction(str(root), manifest, ["edges"]) as out:
        write_part(out, "edges", text)
    return manifest


def write_two_tables(root: Path | str, text: str, resume: bool = False) -> None:
    """Run a job that writes the tables `edges` and `losses` with the same text."""
    with Transaction(str(root), edges_manifest(), ["edges", "losses"], resume) as out:
        for table in ("edges", "losses"):
            write_part(out, table, text)


def read_two_tables(root: Path) -> list[str]:
    """Return the texts of the tables `edges` and `losses`."""
    return [(root / table / "part").read_text() for table in ("edges", "losses")]


def run_job(root: Path, job: str, *tables: str) -> Manifest:
    """Run a job that writes these tables, one row each; return its manifest."""
    manifest = make_manifest(job, {}, {}, "1")
    with Transaction(str(root), manifest, tables) as out:
        for table in tables:
            write_part(out, table, "x")
            out.rows[table] = 1
    return manifest
