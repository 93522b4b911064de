"""The models by name: `train.model` names one of MODELS, and its module exports `MODEL`, a `ModelSpec`."""

import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from walkgram.config.train import Train
from walkgram.errors import ConfigError
from walkgram.train.models.base import LoopModel, ModelInputs, TableOutput

__all__ = ["MODELS", "ModelSpec", "check_config", "find_model"]

MODELS: dict[str, str] = {
    "skipgram": "walkgram.train.models.skipgram",
    "keras_node2vec": "walkgram.train.models.keras_node2vec",
}
"""Name -> module, loaded when the configuration names it."""

FEATURES: dict[str, Callable[[Train], bool]] = {
    "validation_walks": lambda config: config.validation_walks > 0,
    "warm_start": lambda config: bool(config.warm_start),
    "device = cuda": lambda config: config.device == "cuda",
    "num_processes": lambda config: config.num_processes > 1,
    "placement = row_sharded": lambda config: config.placement == "row_sharded",
}
"""What not every model supports -> whether a configuration asks for it; the names are those of messages."""


@dataclass(frozen=True)
class ModelSpec:
    """The declaration of a model.

    section: its section of the configuration inside `train`, "" without one; reads, writes: its tables by the configuration
    (the job adds `losses` for a model of the loop); supports: names of FEATURES; count_threads: threads that step at once in
    one process. It trains either through the loop (`build`) or in closed form (`solve`).
    """

    name: str
    reads: Callable[[Train], Sequence[str]]
    writes: Callable[[Train], Sequence[str]]
    section: str = ""
    supports: frozenset[str] = frozenset()
    count_threads: Callable[[Train], int] = lambda _: 1
    build: Callable[[ModelInputs, Train], LoopModel] | None = None
    solve: Callable[[ModelInputs, Train], Iterable[TableOutput]] | None = None

    def __post_init__(self) -> None:
        if (self.build is None) == (self.solve is None):
            raise ValueError(f"model {self.name}: give either build or solve")
        if unknown := self.supports - set(FEATURES):
            raise ValueError(f"model {self.name} supports {', '.join(sorted(unknown))}: known are {', '.join(FEATURES)}")
        if self.section and self.section not in Train.model_fields:
            raise ValueError(f"model {self.name}: the configuration has no section train.{self.section}")


def find_model(name: str) -> ModelSpec:
    """Load the model of a name. Raises `ConfigError` with the known names where there is none."""
    if name not in MODELS:
        raise ConfigError(f"train.model = {name!r} is unknown; the models are {', '.join(MODELS)}")
    spec: ModelSpec = importlib.import_module(MODELS[name]).MODEL
    return spec


def check_config(config: Train) -> ModelSpec:
    """Return the configured model. Raises `ConfigError` where it is unknown or lacks what the configuration asks for."""
    spec = find_model(config.model)
    for feature, is_requested in FEATURES.items():
        if is_requested(config) and feature not in spec.supports:
            able = [f'"{name}"' for name in MODELS if feature in find_model(name).supports]
            models = f"is for train.model = {' or '.join(able)}" if able else "is for no model"
            raise ConfigError(f"train.{feature} {models}; leave it out for {config.model!r}")
    return spec
