"""A DataFrame of the user as the source: the names of its columns, and its fingerprint."""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from walkgram.errors import ConfigError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from walkgram.config.schema import Input

__all__ = ["fingerprint_frame", "name_columns"]

OPTIONAL = {"columns": ("rating", "timestamp"), "edge_columns": ("weight",)}


def fingerprint_frame(frame: "DataFrame", tag: str = "") -> str:
    """Return a DataFrame's fingerprint: of its tag, else of its plan's semantic hash, and of its schema.

    The semantic hash does not see that files behind the plan, or rows in memory, have changed: give a tag then.
    """
    known = f"tag {tag}" if tag else f"plan {frame.semanticHash()}"
    return hashlib.sha256(f"{known} {frame.schema.simpleString()}".encode()).hexdigest()


def name_columns(config: "Input", frame: "DataFrame | None", columns: Mapping[str, str] | None) -> dict[str, Any]:
    """Return the change of the section `input` by which a source's columns are found.

    columns: our name -> the source's. Of a DataFrame, optional columns that are not named and not there are none. Raises
    `ConfigError` for a name that we do not have.
    """
    section = "edge_columns" if config.kind == "edges" else "columns"
    current = getattr(config, section)
    known = set(type(current).model_fields)
    unknown = set(columns or {}) - known
    if unknown:
        raise ConfigError(f"columns: {', '.join(sorted(unknown))}: no such column; there are {', '.join(sorted(known))}")
    changes = dict(columns or {})
    if frame is not None:
        for name in OPTIONAL[section]:
            if name not in changes and name not in current.model_fields_set and getattr(current, name) not in frame.columns:
                changes[name] = ""
    return {section: current.model_copy(update=changes)} if changes else {}
