"""Checkpoints of the training loop: what a file holds, and when a run may resume from it."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Protocol

import torch

from walkgram.errors import TrainError, name_jobs

__all__ = ["CheckpointSlot", "Checkpoints", "Stateful", "load_checkpoint", "resume_checkpoint", "save_checkpoint"]

logger = logging.getLogger(__name__)

VERSION = 3
REMEDY = f"remove it, or run {name_jobs('train')} with --force to start over"


class CheckpointSlot(Protocol):
    """The place of one checkpoint file (`walkgram.lake.checkpoints.CheckpointStore`)."""

    @property
    def place(self) -> str:
        """Its name, for messages."""

    def load(self) -> IO[bytes] | None:
        """Open the file for reading; None where there is none."""

    def save(self, write: Callable[[IO[bytes]], None]) -> None:
        """Replace the file by what `write` writes, in one atomic step."""


class Stateful(Protocol):
    """Anything with a state that a checkpoint can hold."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Replace the state."""


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoint of a run, and what a run must share with it to resume.

    Another `config_key` (the configuration) is an error. Another `data_key` (input tables, code) makes the checkpoint useless,
    and training starts over. Of several processes only the first one (`is_first`) writes the file and reports.
    """

    slot: CheckpointSlot
    config_key: Mapping[str, Any]
    data_key: Mapping[str, Any] = field(default_factory=dict)
    is_first: bool = True


def save_checkpoint(model: Stateful, progress: Mapping[str, Any], checkpoints: Checkpoints) -> None:
    """Write the checkpoint; tables go from memory to the file without a copy. Collective, since `state_dict` may be."""
    content = {
        "version": VERSION,
        "config_key": dict(checkpoints.config_key),
        "data_key": dict(checkpoints.data_key),
        "progress": dict(progress),
        "state": model.state_dict(),
    }
    if checkpoints.is_first:
        checkpoints.slot.save(lambda file: torch.save(content, file))


def resume_checkpoint(model: Stateful, checkpoints: Checkpoints) -> Mapping[str, Any] | None:
    """Load the last checkpoint into the model and return its progress; None where training starts over.

    Memory: a second copy of the tables for a moment. Raises `TrainError` where the file is damaged or has another config_key.
    """
    saved = load_checkpoint(checkpoints.slot, ("version",))
    if saved is None:
        return None
    place = checkpoints.slot.place
    if saved["version"] == VERSION:
        check_fields(saved, ("config_key", "data_key", "progress", "state"), place)
    if saved["version"] != VERSION or saved["data_key"] != dict(checkpoints.data_key):
        if checkpoints.is_first:
            logger.warning("train: %s comes from other input tables or other code: starting over", place)
        return None
    there, here = saved["config_key"], dict(checkpoints.config_key)
    if there != here:
        names = [name for name in {**here, **there} if there.get(name) != here.get(name)]
        changes = "; ".join(f"{name}: {there.get(name)!r} there, {here.get(name)!r} here" for name in names)
        raise TrainError(f"{place}: checkpoint of another configuration ({changes}): {REMEDY}")
    progress = saved["progress"]
    epochs, batches = len(progress["epochs"]), progress["batches"]
    if checkpoints.is_first:
        last = f"batch {batches:,} of epoch {epochs + 1}" if batches else f"epoch {epochs}"
        logger.warning("train: resuming from %s after %s", place, last)
    model.load_state_dict(saved["state"])
    return dict(progress)


def load_checkpoint(slot: CheckpointSlot, names: Sequence[str]) -> dict[str, Any] | None:
    """Return what a file holds, None where there is none. Raises `TrainError` where it is damaged or lacks a name."""
    file = slot.load()
    if file is None:
        return None
    try:
        with file:
            saved: dict[str, Any] = torch.load(file, weights_only=True)
    except Exception as error:
        raise damage_error(slot.place, error) from None
    check_fields(saved, names, slot.place)
    return saved


def check_fields(saved: Mapping[str, Any], names: Sequence[str], place: str) -> None:
    """Raise `TrainError` where a checkpoint lacks one of the names."""
    try:
        for name in names:
            saved[name]
    except Exception as error:
        raise damage_error(place, error) from None


def damage_error(place: str, error: Exception) -> TrainError:
    """Return the error of a file that cannot be read."""
    reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
    return TrainError(f"{place}: damaged checkpoint ({reason}): {REMEDY}")
