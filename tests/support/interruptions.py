"""Interrupted jobs: tasks that fail after some shards, and the times of the shards that exist."""

import time
from pathlib import Path
from typing import Any

import pytest

from walkgram.lake.shards import Shards
from walkgram.runtime.context import RunContext


def stop_after(monkeypatch: pytest.MonkeyPatch, num_shards: int) -> None:
    """Let tasks write the first shards, and fail all others after that."""
    original = RunContext.shards

    class FailingShards(Shards):
        def write(self, number: int, batches: Any) -> None:
            if number < num_shards:
                return Shards.write(self, number, batches)
            while self.count() < num_shards:
                time.sleep(0.01)
            raise RuntimeError("the machine is lost")

    def open_shards(self: RunContext, *arguments: Any) -> FailingShards:
        return FailingShards(**vars(original(self, *arguments)))

    monkeypatch.setattr(RunContext, "shards", open_shards)


def read_times(folder: Path) -> dict[str, int]:
    """Return the modification time of each shard."""
    return {file.name: file.stat().st_mtime_ns for file in folder.glob("*.parquet")}
