"""The version of the code that writes the tables. To be replaced by `walkgram.runtime.code_identity`."""

import hashlib
from importlib.resources import files as resources
from importlib.resources.abc import Traversable

import walkgram

__all__ = ["code_version"]


def code_version(*texts: str) -> str:
    """Return the package's version and a digest of its sources and of `texts`: tables of other code are out of date."""
    digest = hashlib.sha256()

    def add_folder(folder: Traversable) -> None:
        for entry in sorted(folder.iterdir(), key=lambda e: e.name):
            if entry.is_dir() and entry.name != "__pycache__":
                add_folder(entry)
            elif entry.name.endswith(".py"):
                digest.update(entry.name.encode() + entry.read_bytes())

    add_folder(resources("walkgram"))
    digest.update("".join(texts).encode())
    return f"{walkgram.__version__}+{digest.hexdigest()[:12]}"
