"""The processes of a job: this one alone, those that torchrun has started together, or those that Spark starts.

A job gives the function to run and its argument (`JobContext.run_processes`); nothing here knows what they do.
"""

import contextlib
import logging
import os
import re
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from walkgram.errors import Stopped, TrainError, WalkgramError
from walkgram.redaction import redact
from walkgram.runtime.errors import summarize_error
from walkgram.train import distributed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["ProcessRequest", "RemoteCall", "Work", "check_single_process", "run_in_group", "run_processes"]

logger = logging.getLogger(__name__)

Work = Callable[[Any, distributed.ProcessGroup], Any]
"""function(spec, group); it leaves the group."""


class ProcessRequest(NamedTuple):
    """A function and its argument, both picklable, and the processes that run it; job: its name, for messages."""

    function: Work
    spec: object
    num_processes: int = 1
    use_gpu: bool = False
    job: str = ""


def run_in_group(body: Callable[[], int], prog: str) -> int:
    """Run the command of a job that uses several processes; return the exit status.

    Of several processes that torchrun has started the first one runs `body`, and the others run what its job requests.
    """
    try:
        if distributed.world_size() == 1:
            return body()
        group = distributed.init_process_group()
    except TrainError as error:
        logger.error("%s: error: %s", prog, error)
        return 2
    if group.rank:
        return run_worker(group, prog)
    try:
        return body()
    finally:
        if distributed.current_group().world > 1:  # the job has ended without a request
            with contextlib.suppress(TrainError):  # another process is gone
                group.broadcast(None)
                group.leave()


def run_worker(group: distributed.ProcessGroup, prog: str) -> int:
    """Run what the first process requests, and leave the group with it; return the exit status."""
    try:
        request = group.broadcast()
        if request is None:
            group.leave()
        else:
            request.function(request.spec, group)
    except (Stopped, KeyboardInterrupt) as stop:
        return stop.status if isinstance(stop, Stopped) else 130  # the first process reports it
    except Exception as error:
        message, status = summarize_error(error)
        logger.error("%s, process %d: error: %s", prog, group.rank, message)
        return status
    return 0


def run_processes(request: ProcessRequest, get_spark: Callable[[], "SparkSession"]) -> Any:
    """Call the function at every process of a group; return what it returned at the first one.

    Raises `TrainError` where torchrun has started another number of processes than requested, or where Spark has no room.
    """
    started, group = distributed.world_size(), distributed.current_group()
    if group.world == 1:
        check_single_process()
    if started > 1 and request.num_processes not in (1, started):
        raise TrainError(
            f"{request.job}.num_processes = {request.num_processes} is the number that Spark starts, but torchrun has started "
            f"{started}: leave it out"
        )
    if request.num_processes > 1 and started == 1:
        return run_in_spark(get_spark(), request)
    group.broadcast(request)
    return request.function(request.spec, group)


def check_single_process() -> None:
    """Raise `TrainError` where this process is one of several that were started together, and has not joined the others."""
    if distributed.world_size() > 1:
        raise TrainError(
            f"WORLD_SIZE is {distributed.world_size()} in the environment: torchrun starts jobs/train.py, no other job"
        )


def run_in_spark(spark: "SparkSession", request: ProcessRequest) -> Any:
    """Run a request in processes that Spark's tasks start. Raises `TrainError` where there is no room for all at once."""
    from pyspark.ml.torch.distributor import TorchDistributor

    count, cores = request.num_processes, int(spark.conf.get("spark.task.cpus", "1") or 1)
    master = spark.sparkContext.master or ""
    local = re.fullmatch(r"local(?:\[(\d+|\*)[^\]]*\])?", master)  # the executors of a cluster may start later
    slots = int((local[1] or "1").replace("*", str(os.cpu_count()))) // cores if local else count
    if slots < count:
        raise TrainError(
            f"{request.job}.num_processes = {count} needs as many of Spark's tasks at once, and there are {slots}: lower it, "
            "or give Spark more cores (--master local[N]; each process takes spark.task.cpus of them)"
        )
    distributor = TorchDistributor(num_processes=count, local_mode=False, use_gpu=request.use_gpu)
    result = distributor.run(RemoteCall(), request)
    if isinstance(result, WorkerFailure):
        raise TrainError(result.message) if result.status < 128 else Stopped(result.message, result.status)
    return result


class WorkerFailure(NamedTuple):
    """The message and exit status of a process that Spark has started: Spark would lose the error that it raised."""

    message: str
    status: int


class RemoteCall:
    """The call of a request's function in a process that one of Spark's tasks has started.

    Spark's task unpickles it first. The files of --py-files are on the path of that task alone, so the environment takes them
    to the process.
    """

    def __setstate__(self, state: object) -> None:
        os.environ["PYTHONPATH"] = os.pathsep.join(place for place in sys.path if place)

    def __getstate__(self) -> dict[str, Any]:
        return {"": ""}  # pickle does not set an empty state

    def __call__(self, request: ProcessRequest) -> Any:
        """Join the other processes and call the function; return a `WorkerFailure` for an error."""
        try:
            return request.function(request.spec, distributed.init_process_group())
        except Exception as error:
            if not isinstance(error, WalkgramError):
                sys.stderr.write(redact(traceback.format_exc()))
            failure = WorkerFailure(*summarize_error(error))
            # The driver shows it.
            logger.error("walkgram %s, process %s: error: %s", request.job, os.environ.get("RANK"), failure.message)
            return failure
