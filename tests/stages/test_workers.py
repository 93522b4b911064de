"""The setup of Python workers: zip archives on the import path are read again only after they have changed."""

import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from walkgram.config.environment import Spark
from walkgram.config.graph import Walks
from walkgram.config.pairs import Pairs
from walkgram.stages import workers
from walkgram.stages.graph import build
from walkgram.stages.pairs import baskets, counting, edges, merge_counts
from walkgram.stages.walks import partitioned, walks
from walkgram.stages.workers import TaskSetup

CODE = """
import importlib, os, sys, zipfile, zipimport
path = sys.argv[1]
sys.path.insert(0, path)
import inside
reads = []
original = zipimport._read_directory
zipimport._read_directory = lambda archive: reads.append(archive) or original(archive)
from walkgram.stages.workers import cache_zip_directories
cache_zip_directories(); cache_zip_directories()
importlib.invalidate_caches()
first = reads.count(path)
importlib.invalidate_caches(); importlib.invalidate_caches()
assert first > 0 and reads.count(path) == first, reads
with zipfile.ZipFile(path, "a") as archive:
    archive.writestr("later.py", "x = 2")
importlib.invalidate_caches()
assert reads.count(path) > first
import later
assert later.x == 2
"""


def test_an_archive_is_read_again_only_after_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "package.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inside.py", "x = 1")
    process = subprocess.run([sys.executable, "-c", CODE, str(path)], text=True, capture_output=True, check=False)
    assert process.returncode == 0, process.stderr


@pytest.mark.parametrize("is_set", [True, False])
def test_zipimport_is_patched_only_if_the_key_is_set(monkeypatch: pytest.MonkeyPatch, is_set: bool) -> None:
    calls: list[str] = []
    monkeypatch.setattr(workers, "cache_zip_directories", lambda: calls.append("patched"))
    TaskSetup.from_config(Spark(cache_zip_directories=is_set)).apply()
    assert calls == ["patched"] * is_set
    assert TaskSetup.from_config(Spark()) == workers.NO_SETUP == TaskSetup()


class LocalTasks:
    """A DataFrame without rows whose tasks run in this process."""

    def select(self, *_: Any) -> "LocalTasks":
        return self

    def coalesce(self, _: int) -> "LocalTasks":
        return self

    def mapInArrow(self, function: Callable[..., Any], _: str) -> list[Any]:  # noqa: N802
        return list(function(iter(())))


class VocabularyFile:
    """A file of the table `vocabulary`."""

    row_groups = (1,)

    def read(self, _: int, columns: Sequence[str]) -> pa.Table:
        return pa.table({name: [0] for name in columns})


def walk_superstep(tasks: Any, setup: TaskSetup) -> Any:
    store: Any = None
    plan = walks.WalkPlan(Walks(), 1, 1, setup)
    return partitioned.PartitionedWalk(plan, range(1), 1, store, store, store, store).run_superstep(tasks, 0)


NONE: Any = None  # a store that tasks without rows do not use
VOCABULARY: Any = [VocabularyFile()]
WORK = np.zeros((2, 1), np.int64)
LAYOUT = build.GraphLayout(1, 1, 1, False, True, True)
STAGES: dict[str, Callable[[Any, TaskSetup], Any]] = {
    "shuffle_by_user": lambda tasks, setup: baskets.shuffle_by_user(tasks, [], VOCABULARY, 1, Pairs(), NONE, setup),
    "build_blocks": lambda tasks, setup: baskets.build_blocks(tasks, 1, 1, Pairs(), NONE, setup),
    "sum_totals": lambda tasks, setup: baskets.sum_totals(tasks, [], 1, NONE, NONE, setup),
    "write_counts": lambda tasks, setup: counting.write_counts(
        tasks, [], [], counting.CountPlan(Pairs(), 1, WORK, setup), 1, NONE, NONE, NONE
    ),
    "estimate_pairs": lambda tasks, setup: counting.estimate_pairs(
        tasks, [], counting.CountPlan(Pairs(), 1, WORK, setup), NONE
    ),
    "weigh_pairs_table": lambda tasks, setup: edges.weigh_pairs_table(tasks, NONE, NONE, NONE, setup),
    "merge_totals": lambda tasks, setup: merge_counts.merge_totals(tasks, NONE, 1, [], NONE, setup),
    "merge_pairs": lambda tasks, setup: merge_counts.merge_pairs(
        tasks, [], NONE, 1, Pairs(), merge_counts.MergeStores(NONE, NONE, NONE, NONE), setup
    ),
    "write_parts": lambda tasks, setup: build.write_parts(tasks, 1, 1, False, NONE, setup),
    "write_nodes": lambda tasks, setup: build.write_nodes(tasks, [], 1, 1, NONE, NONE, setup),
    "write_partitions": lambda tasks, setup: build.write_partitions(tasks, [], LAYOUT, NONE, NONE, setup),
    "write_walks": lambda tasks, setup: walks.write_walks(tasks, walks.WalkPlan(Walks(), 1, 1, setup), NONE, NONE, NONE),
    "run_superstep": walk_superstep,
}


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_every_task_of_a_stage_applies_its_setup(
    spark: Any, monkeypatch: pytest.MonkeyPatch, stage: Callable[[Any, TaskSetup], Any]
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(workers, "cache_zip_directories", lambda: calls.append("patched"))
    stage(LocalTasks(), TaskSetup(cache_zip_directories=True))
    assert calls == ["patched"]
    stage(LocalTasks(), workers.NO_SETUP)
    assert calls == ["patched"]
