"""The keys of the configuration, by a walk over its fields."""

from collections.abc import Iterable, Iterator

from pydantic import BaseModel

from walkgram.config.schema import Config


def walk_fields(model: type[BaseModel], prefix: str) -> Iterator[str]:
    """Yield the dotted name of every key under a section."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from walk_fields(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def list_keys(sections: Iterable[str]) -> list[str]:
    """Return the dotted names of all keys of these sections."""
    names = set(sections)
    return [key for key in walk_fields(Config, "") if key.split(".")[0] in names]
