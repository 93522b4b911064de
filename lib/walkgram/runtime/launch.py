"""The train job's processes: one alone, those that torchrun has started together, or those that Spark starts for it."""

import contextlib
import json
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from walkgram.errors import Stopped, TrainError, WalkgramError
from walkgram.lake import logs
from walkgram.runtime import job, train_job
from walkgram.runtime.context import RunContext
from walkgram.train import distributed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["check_single_process", "launch_training", "run_train_main"]

TrainOutcome = tuple[dict[str, int], dict[str, Any]]


def run_train_main(of: job.Job, since: float, argv: Sequence[str] | None = None) -> int:
    """The job's command; the exit status. Of several processes the first runs the job, and tells the others what to do."""
    try:
        if distributed.world_size() == 1:
            return job.run_main(of, argv)
        peers = distributed.init_process_group()
    except TrainError as error:
        print(f"jobs/{of.name}.py: error: {error}", file=sys.stderr)
        return 2
    if peers.rank:
        return run_worker(of, peers, since)
    try:
        return job.run_main(of, argv)
    finally:
        if distributed.current_group().world > 1:  # it has come to an end without training
            with contextlib.suppress(TrainError):  # another one is gone
                peers.broadcast(None)
                peers.leave()


def run_worker(of: job.Job, peers: distributed.ProcessGroup, since: float) -> int:
    """What the others do: train where the first one does, and leave with it; the exit status."""
    try:
        task = peers.broadcast()
        if task is None:
            peers.leave()
        else:
            train_job.run_training(task, peers, since)
    except (Stopped, KeyboardInterrupt) as stop:
        return stop.status if isinstance(stop, Stopped) else 130  # the first process says it
    except Exception as error:
        message, status = job.summarize_error(error)
        print(f"jobs/{of.name}.py, process {peers.rank}: error: {message}", file=sys.stderr)
        return status
    return 0


def launch_training(run: RunContext, since: float) -> Mapping[str, Any]:
    """Train and stage the tables, by as many processes as there are, or as train.num_processes asks Spark for; what was counted."""
    task, wanted, started = train_job.make_train_spec(run), run.config.train.num_processes, distributed.world_size()
    peers = distributed.current_group()
    if peers.world == 1:
        check_single_process()
    if started > 1 and wanted not in (1, started):
        raise TrainError(
            f"train.num_processes = {wanted} is what Spark is to start, but torchrun has started {started}: leave it out"
        )
    if run.force:
        task.checkpoint_slot.remove()
    if wanted > 1 and started == 1:
        run.measure = count_tokens(task.config.lake.path, time.time())
        rows, counts = train_in_spark(run.spark, task, wanted)
    else:
        rows, counts = train_job.run_training(peers.broadcast(task), peers, since)
    run.out.rows.update(rows)
    run.finally_do(task.checkpoint_slot.remove)
    return counts


def check_single_process() -> None:
    """Raise `TrainError` where this process is one of several that were started together, and has not joined the others."""
    if distributed.world_size() > 1:
        raise TrainError(
            f"WORLD_SIZE is {distributed.world_size()} in the environment: torchrun starts jobs/train.py, no other job"
        )


def count_tokens(root: str, began: float) -> Callable[[], tuple[int, int]]:
    """(done, of all) tokens, as the log of the processes that have begun to train elsewhere since then has them."""

    def count() -> tuple[int, int]:
        try:
            line = json.loads(logs.read_last_line(root, "train") or "{}")
        except ValueError:
            return 0, 0  # it is being written
        return (line["tokens"], line["of"]) if line.get("time", 0) > began and "of" in line else (0, 0)

    return count


def train_in_spark(spark: "SparkSession", task: train_job.TrainSpec, count: int) -> TrainOutcome:
    """`training.work` in processes that Spark's tasks start. Raises `TrainError` where there is no room for all at once."""
    from pyspark.ml.torch.distributor import TorchDistributor

    cores = int(spark.conf.get("spark.task.cpus", "1") or 1)
    master = spark.sparkContext.master or ""
    local = re.fullmatch(r"local(?:\[(\d+|\*)[^\]]*\])?", master)  # a cluster's executors may be yet to come
    slots = int((local[1] or "1").replace("*", str(os.cpu_count()))) // cores if local else count
    if slots < count:
        raise TrainError(
            f"train.num_processes = {count} needs as many of Spark's tasks at once, and there are {slots}: lower it, or give Spark "
            "more cores (--master local[N]; spark.task.cpus is what each takes)"
        )
    train = task.config.train
    if not train.deterministic and not train.workers:
        train = train.model_copy(update={"workers": cores})
        task = replace(task, config=task.config.model_copy(update={"train": train}))
    cuda = train.device == "cuda"
    found = TorchDistributor(num_processes=count, local_mode=False, use_gpu=cuda).run(RemoteTrain(), task)
    if isinstance(found, WorkerFailure):
        raise TrainError(found.message) if found.status < 128 else Stopped(found.message, found.status)
    return cast(TrainOutcome, found)


class WorkerFailure(NamedTuple):
    """How a process ended that Spark has started. An error that it raised would be lost on the way."""

    message: str
    status: int


class RemoteTrain:
    """What a process that one of Spark's tasks has started does.

    It is unpickled in that task first. What spark-submit was given as --py-files is on sys.path there, and only there: the
    environment hands it on.
    """

    def __setstate__(self, state: object) -> None:
        os.environ["PYTHONPATH"] = os.pathsep.join(place for place in sys.path if place)

    def __getstate__(self) -> dict[str, Any]:
        return {"": ""}  # an empty state would not be set

    def __call__(self, task: train_job.TrainSpec) -> TrainOutcome | WorkerFailure:
        """Train with the others."""
        try:
            return train_job.run_training(task, distributed.init_process_group(), time.monotonic())
        except Exception as error:
            if not isinstance(error, WalkgramError):
                traceback.print_exc()
            found = WorkerFailure(*job.summarize_error(error))
            print(f"jobs/train.py, process {os.environ.get('RANK')}: {found.message}", file=sys.stderr)  # the driver shows it
            return found
