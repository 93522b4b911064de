"""Bad values for every key of the configuration, from the keys' types and limits, so that a new key needs no new case."""

import json
import math
import types
import typing
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import annotated_types
from pydantic import BaseModel

from walkgram.config.locations import Location
from walkgram.config.schema import Config


class BadValue(NamedTuple):
    """A key, the value that it cannot take, and why."""

    key: str
    value: Any
    reason: str

    @property
    def id(self) -> str:
        """Return the name of the test."""
        return f"{self.key}={self.value!r}"[:60].replace("\x00", "NUL")


def walk_keys(model: type[BaseModel] = Config, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, field) of every key."""
    for name, field in model.model_fields.items():
        if is_section(field.annotation):
            yield from walk_keys(typing.cast(type[BaseModel], field.annotation), f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def walk_sections(model: type[BaseModel] = Config, prefix: str = "") -> Iterator[str]:
    """Yield the dotted name of every section."""
    for name, field in model.model_fields.items():
        if is_section(field.annotation):
            yield f"{prefix}{name}"
            yield from walk_sections(typing.cast(type[BaseModel], field.annotation), f"{prefix}{name}.")


def is_section(annotation: Any) -> bool:
    """Return whether a field is a group of keys."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def list_bad_values() -> Iterator[BadValue]:
    """Yield values of a wrong type, beyond each limit, outside an enumeration, and no number; for every key."""
    for key, field in walk_keys():
        kinds = typing.get_args(field.annotation) if isinstance(field.annotation, types.UnionType) else (field.annotation,)
        for value in WRONG_TYPES[typing.get_origin(kinds[0]) or kinds[0]]:
            yield BadValue(key, value, "wrong type")
        if float in kinds:
            yield from (BadValue(key, value, "not finite") for value in (math.nan, math.inf, -math.inf))
        if typing.get_origin(field.annotation) is Literal:
            yield BadValue(key, "no-such-value", "unknown value")
        for limit in field.metadata:
            yield from (BadValue(key, value, "beyond its limit") for value in list_beyond(limit, int in kinds))
        if set(field.metadata) & set(Location.__metadata__):  # type: ignore[attr-defined]
            yield from (BadValue(key, value, "no place") for value in ("s3://", "foo://a", "a\x00b", " "))


WRONG_TYPES: dict[Any, tuple[Any, ...]] = {
    str: (3, True, ["a"]),
    int: ("three", 2.5, True),
    float: ("half", True, [0.5]),
    bool: ("maybe", 1),
    list: ("a", 3, [3]),
    dict: ("a", {"a": 3}),
    Literal: (3, True),
}


def list_beyond(limit: Any, is_whole: bool) -> Iterator[Any]:
    """Yield the values next to a limit, on the wrong side."""

    def step(bound: Any) -> Any:
        return 1 if is_whole else max(1e-9, abs(bound))

    if isinstance(limit, annotated_types.Ge):
        yield limit.ge - step(limit.ge)
    elif isinstance(limit, annotated_types.Gt):
        yield limit.gt
    elif isinstance(limit, annotated_types.Le):
        yield limit.le + step(limit.le)
    elif isinstance(limit, annotated_types.Lt):
        yield limit.lt
    elif isinstance(limit, annotated_types.MinLen):
        yield "a" * (limit.min_length - 1)
    elif isinstance(limit, annotated_types.MaxLen):
        yield "a" * (limit.max_length + 1)


def to_toml(key: str, value: Any) -> str:
    """Return a TOML file of one key."""
    section, _, name = key.rpartition(".")
    return f"[{section}]\n{name} = {format_value(value)}\n" if section else f"{name} = {format_value(value)}\n"


def format_value(value: Any) -> str:
    """Return a value as TOML."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {format_value(each)}" for name, each in value.items()) + "}"
    return json.dumps(value)
