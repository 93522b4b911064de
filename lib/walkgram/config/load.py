"""Reading a configuration: TOML, `section.key=value` overrides, errors with the key's path, and the text of `--help`."""

import copy
import difflib
import re
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from walkgram.config.base import Section
from walkgram.config.locations import FAULT
from walkgram.config.schema import Config
from walkgram.config.variables import fill_paths
from walkgram.errors import ConfigError

__all__ = ["describe_keys", "list_keys", "load_config"]

# pydantic's types of errors: the limit's name, and how it is said.
LIMITS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}


def load_config(path: str | None, overrides: Sequence[str] = (), base: Mapping[str, Any] | None = None) -> Config:
    """Return the configuration of a TOML file (or of `base`, a mapping) after overrides such as `walks.p=.5`.

    Raises `ConfigError`, one line with the file (`--set` for an override) and, for each fault, the key's path.
    """
    tree: dict[str, Any] = copy.deepcopy(dict(base or {}))
    where = "configuration"
    if path is not None:
        where = path
        tree = read_toml(path)
    for override in overrides:
        set_key(tree, override)
    fill_paths(tree)
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        paths = [override.partition("=")[0].strip() for override in overrides]
        faults: dict[str, list[str]] = {}
        for fault in error.errors():
            faults.setdefault("--set" if is_overridden(fault, paths) else where, []).append(explain_error(fault))
        raise ConfigError("; ".join(f"{origin}: {'; '.join(texts)}" for origin, texts in faults.items())) from None


def read_toml(path: str) -> dict[str, Any]:
    """Read the tree of a TOML file. Raises `ConfigError` if it is missing or not TOML."""
    try:
        return tomllib.loads(Path(path).read_text("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the configuration: {error.strerror}; give --config a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    except ValueError:
        raise ConfigError(f"{path!r}: cannot read the configuration: a NUL byte; give --config a TOML file") from None


def set_key(tree: dict[str, Any], override: str) -> None:
    """Put `section.key=value` into the tree; the text is read as the key's type."""
    path, equals, text = override.partition("=")
    names = path.strip().split(".")
    if not equals or len(names) < 2:
        raise ConfigError(f"--set {override}: write section.key=value, such as --set walks.p=0.5")
    for name in names[:-1]:
        tree = tree.setdefault(name, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"--set {override}: {name} is not a section")
    tree[names[-1]] = read_value(find_annotation(names), text)


def find_annotation(names: Sequence[str]) -> Any:
    """Return the type of the key at this path; str if there is none, so that validation names the unknown key."""
    model: Any = Config
    for name in names:
        if not (isinstance(model, type) and issubclass(model, Section)) or name not in model.model_fields:
            return str
        model = model.model_fields[name].annotation
    return model


def read_value(kind: Any, text: str) -> Any:
    """Convert `text` to the type `kind`; return the text itself if that fails, so that validation refuses it."""
    options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if types.NoneType in options and text.strip().lower() in ("" if str not in options else "none", "none", "null"):
        return None  # "" is a value of a text
    for option in options:
        try:
            if option is bool:
                return {"true": True, "false": False}[text.strip().lower()]
            if option in (int, float):
                return option(text.replace("_", ""))
            if typing.get_origin(option) in (list, dict):
                return tomllib.loads(f"value = {text}")["value"]
        except (KeyError, ValueError):
            continue
    return text


def is_overridden(error: Any, paths: Sequence[str]) -> bool:
    """Return whether one of pydantic's errors concerns an overridden key; of keys that contradict each other, one of them."""
    if error["type"] == "value_error":
        return any(re.search(rf"\b{re.escape(path)}\b", str(error["ctx"]["error"])) for path in paths)
    at = ".".join(str(part) for part in error["loc"])
    return any(path == at or path.startswith(f"{at}.") or at.startswith(f"{path}.") for path in paths)


def explain_error(error: Any) -> str:
    """Explain one of pydantic's errors in one line: the key's path, the fault and the given value."""
    path = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = [name for name, _, _ in list_keys(Config)]
        near = difflib.get_close_matches(path, known, n=1)
        return f"{path}: unknown key" + (f"; did you mean {near[0]}?" if near else "; --help lists the keys")
    if error["type"] == "value_error":  # the model's own words, which name the keys
        return str(error["ctx"]["error"])
    if error["type"] == FAULT:
        return f"{path}: {error['msg']}"
    if error["type"] in LIMITS:
        name, words = LIMITS[error["type"]]
        limit = error["ctx"][name]
        return f"{path}: must be {words} {limit if isinstance(limit, int) else format(limit, 'g')} (given: {error['input']!r})"
    return f"{path}: {error['msg']} (given: {error['input']!r})"


def list_keys(model: type[Section], prefix: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yield (path, type, field) of every key under a section."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from list_keys(kind, f"{prefix}{name}.")
        else:
            yield (
                f"{prefix}{name}",
                kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", ""),
                field,
            )


def describe_keys(sections: Sequence[str]) -> str:
    """Describe the keys of these sections for `--help`: path, type, default, unit and meaning."""
    lines = []
    for section in sections:
        model = typing.cast(type[Section], Config.model_fields[section].annotation)
        lines.append(f"\n[{section}]  {model.__doc__}")
        for path, kind, field in list_keys(model, f"{section}."):
            default = field.get_default(call_default_factory=True)
            unit = (field.json_schema_extra or {}).get("unit")
            lines.append(f"  {path}  ({kind}; default {default!r}{'; ' + unit if unit else ''})")
            lines.append(f"      {field.description}")
    return "\n".join(lines)
