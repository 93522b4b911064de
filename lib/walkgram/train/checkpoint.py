"""Checkpoints: what they hold, what they must have been made from, and how a run goes on from one."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Protocol

import torch

from walkgram.errors import TrainError

if TYPE_CHECKING:
    from walkgram.train.loop import LoopModel

__all__ = ["CheckpointSlot", "Checkpoints", "load_checkpoint", "resume_checkpoint", "save_checkpoint"]

VERSION = 2
ANEW = "remove it, or run jobs/train.py with --force to train anew"


class CheckpointSlot(Protocol):
    """A place for one file (`walkgram.lake.checkpoints.Store`)."""

    @property
    def place(self) -> str:
        """Its name, for messages."""

    def load(self) -> IO[bytes] | None:
        """It, open for reading; None where there is none."""

    def save(self, write: Callable[[IO[bytes]], None]) -> None:
        """Replace it by what `write` writes, whole or not at all."""


@dataclass(frozen=True)
class Checkpoints:
    """Where a run keeps its last state, and what the state must have been made from.

    `place` is for messages; load opens the checkpoint, None where there is none; save is given what writes it, and shows it
    whole or not at all. A checkpoint of another `mark` (the configuration) is an error; one of other `inputs` (walks, code) is
    of no use, and training starts anew. Both are told of unless `quiet`.
    """

    place: str
    load: Callable[[], IO[bytes] | None]
    save: Callable[[Callable[[IO[bytes]], None]], None]
    mark: Mapping[str, Any]
    inputs: Mapping[str, Any] = field(default_factory=dict)
    quiet: bool = False


def save_checkpoint(objective: "LoopModel", place: Mapping[str, Any], checkpoints: Checkpoints) -> None:
    """Write the checkpoint; tables go from memory to the file as they are."""
    made_of = {"version": VERSION, "mark": dict(checkpoints.mark), "inputs": dict(checkpoints.inputs)}
    whole = {**made_of, "place": dict(place), "state": objective.state()}
    checkpoints.save(lambda file: torch.save(whole, file))


def resume_checkpoint(objective: "LoopModel", checkpoints: Checkpoints) -> Mapping[str, Any] | None:
    """Load the last checkpoint into the objective; its place, None without one. Costs a second copy of the tables meanwhile."""
    saved = load_checkpoint(checkpoints, ("mark", "state"))
    if saved is None:
        return None
    mark, state, version = saved["mark"], saved["state"], saved.get("version", 1)
    place, inputs = saved.get("place", {}), saved.get("inputs", {})
    if version != VERSION or inputs != dict(checkpoints.inputs):
        if not checkpoints.quiet:
            print(f"train: {checkpoints.place} was made from other walks or by other code: training anew", file=sys.stderr)
        return None
    if mark != dict(checkpoints.mark):
        here = dict(checkpoints.mark)
        other = [f"{k}: {mark.get(k)!r} there, {here.get(k)!r} here" for k in {**here, **mark} if mark.get(k) != here.get(k)]
        raise TrainError(f"{checkpoints.place}: checkpoint of another configuration ({'; '.join(other)}): {ANEW}")
    epochs, batches = len(place["epochs"]), place["batches"]
    done = f"batch {batches:,} of epoch {epochs + 1}" if batches else f"epoch {epochs}"
    if not checkpoints.quiet:
        print(f"train: going on from {checkpoints.place} after {done}", file=sys.stderr)
    objective.load(state)
    return dict(place)


def load_checkpoint(kept: Checkpoints | CheckpointSlot, names: Sequence[str]) -> dict[str, Any] | None:
    """What a file holds, None where there is none. Raises `TrainError` where it is damaged or lacks one of the names."""
    file = kept.load()
    if file is None:
        return None
    try:
        with file:
            saved: dict[str, Any] = torch.load(file, weights_only=True)
        for name in names:
            saved[name]
    except Exception as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise TrainError(f"{kept.place}: damaged checkpoint ({reason}): {ANEW}") from None
    return saved
