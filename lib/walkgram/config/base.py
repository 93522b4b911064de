"""What every section of the keys is made of."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Section", "key"]


def key(default: Any, meaning: str, unit: str = "", **limits: Any) -> Any:
    """Declare a configuration key: its default, its meaning (for `--help`), its unit, and pydantic's limits."""
    extra: dict[str, Any] = {"unit": unit}
    if type(default) is int and not {"le", "lt"} & set(limits):
        limits["le"] = 2**31 - 1  # so that products of two stay whole numbers of 64 bits
    if callable(default):
        return Field(default_factory=default, description=meaning, json_schema_extra=extra, **limits)
    return Field(default=default, description=meaning, json_schema_extra=extra, **limits)


class Section(BaseModel):
    """A frozen group of keys that refuses unknown keys and does not convert types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
