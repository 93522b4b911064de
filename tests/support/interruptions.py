"""Runs that are stopped half-way, for the tests of going on: tasks that fail after some shards, and what they had written."""

import time
from pathlib import Path
from typing import Any

import pytest

from walkgram.lake.shards import Shards
from walkgram.runtime.context import RunContext


def stop_after(monkeypatch: pytest.MonkeyPatch, shards: int) -> None:
    """Tasks write the first shards; then all others fail."""
    original = RunContext.shards

    class Failing(Shards):
        def write(self, number: int, batches: Any) -> None:
            if number < shards:
                return Shards.write(self, number, batches)
            while self.count() < shards:
                time.sleep(0.01)
            raise RuntimeError("the machine was taken away")

    monkeypatch.setattr(RunContext, "shards", lambda self, table, schema: Failing(**vars(original(self, table, schema))))


def times(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mtime_ns for file in folder.glob("*.parquet")}
