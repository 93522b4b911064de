"""Names in braces in paths, filled from the section vars: one configuration for several markets or days."""

import re
from collections.abc import Iterator
from typing import Any

from walkgram.config.base import Section
from walkgram.config.locations import Location
from walkgram.config.schema import Config
from walkgram.errors import ConfigError

__all__ = ["fill_paths"]

NAME = re.compile(r"\{([A-Za-z_]\w*)\}")


def fill_paths(tree: dict[str, Any]) -> None:
    """Replace {name} in every path of a configuration's tree by vars.name, and remove the section vars from the tree.

    Raises `ConfigError` for a name without a value, and for a value that is no text or whole number.
    """
    values = tree.pop("vars", {})
    if not isinstance(values, dict):
        raise ConfigError('vars is a section: write vars.market = "de" for the name {market} in paths')
    for name, value in values.items():
        if not isinstance(value, str) and type(value) is not int:
            raise ConfigError(f"vars.{name} = {value!r}: it must be text or a whole number, for the name {{{name}}} in paths")
    for names in list_paths(Config):
        place = tree
        for name in names[:-1]:
            place = place.get(name, {}) if isinstance(place, dict) else {}
        if isinstance(place, dict) and isinstance(text := place.get(names[-1]), str):
            place[names[-1]] = fill(".".join(names), text, values)


def fill(key: str, text: str, values: dict[str, Any]) -> str:
    """Return a path with its names replaced."""

    def replace(match: re.Match[str]) -> str:
        name = match[1]
        if name not in values:
            raise ConfigError(
                f"{key} = {text}: {match[0]} has no value: --set vars.{name}=VALUE, or [vars] in the configuration"
            )
        return str(values[name])

    return NAME.sub(replace, text)


def list_paths(model: type[Section], *above: str) -> Iterator[tuple[str, ...]]:
    """Yield the keys that hold a path or URI, each as its names from the top."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from list_paths(kind, *above, name)
        elif any(entry in field.metadata for entry in Location.__metadata__):  # type: ignore[attr-defined]
            yield (*above, name)
