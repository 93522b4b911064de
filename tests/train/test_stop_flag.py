"""A stop of several processes between two synchronisations: it is heard at once, and changes nothing of the resumed run."""

from functools import partial
from typing import Any

import numpy as np
import pytest

from support import processes, stopped_ranks
from walkgram.train import stop_flag
from walkgram.train.distributed import ProcessGroup
from walkgram.train.stop_flag import StopFlag


@pytest.mark.parametrize(
    "work, after, batches, world, per_epoch",
    [(stopped_ranks.late_stop, 4, 3, 2, 8), (stopped_ranks.early_stop, 2, 0, 2, 8), (stopped_ranks.early_stop, 2, 0, 3, 6)],
)
def test_a_stop_between_two_synchronisations_is_heard_and_the_rerun_equals_no_interruption(
    work: Any, after: int, batches: int, world: int, per_epoch: int
) -> None:
    results = processes.run_ranks(partial(work, per_epoch + after), world)
    for rank, result in enumerate(results):
        assert isinstance(result, dict), result
        assert result["num_steps"] == per_epoch
        by = "SIGTERM" if rank == world - 1 else "a signal to another process"
        where = f"in epoch 2, {batches} of {per_epoch} batches done" if batches else "after epoch 1"
        assert result["message"].startswith(f"stopped by {by} {where}; "), result
        assert result["steps"] <= per_epoch + after + 2  # with those in flight: not the rest of the epoch
        assert (len(result["progress"]["epochs"]), result["progress"]["batches"]) == (1, batches)
        assert result["has_trained"]
        assert result["is_equal"]
        for table, first in zip(result["saved"], results[0]["saved"], strict=True):
            np.testing.assert_array_equal(table, first)


class Store:
    """A store in memory that counts what it is asked."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.num_checks = 0
        self.is_gone = False

    def set(self, key: str, value: str, /) -> None:
        self.keys.add(key)

    def check(self, keys: list[str], /) -> bool:
        if self.is_gone:
            raise RuntimeError("connection reset by peer")
        self.num_checks += 1
        return self.keys.issuperset(keys)


def test_the_store_is_asked_once_in_an_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    store = Store()
    here, there = StopFlag(store), StopFlag(store)
    assert [here.share(False) for _ in range(50)] == [False] * 50
    assert store.num_checks == 1
    assert there.share(True)
    assert not here.share(False)
    now[0] += stop_flag.POLL_EVERY + 0.1
    assert here.share(False)


def test_a_store_that_is_gone_is_a_stop() -> None:
    store = Store()
    store.is_gone = True
    assert StopFlag(store).share(False)


def test_a_single_process_has_its_own_signal_alone() -> None:
    assert [ProcessGroup().share_stop(flag) for flag in (True, False)] == [True, False]
