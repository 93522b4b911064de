"""List the files of a folder, for tests of what a writer leaves behind."""

from pathlib import Path

__all__ = ["list_files"]


def list_files(folder: Path) -> list[str]:
    """Return the files in a folder and below it, as sorted relative paths."""
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
