"""jobs/pipeline.py, which is killed with its process group at a chosen moment: a script for spark-submit.

killed_pipeline.py before JOB ARGUMENTS...   when the line comes to a job: between two stages
killed_pipeline.py inside JOB ARGUMENTS...   once a job has staged a file, before its commit has begun
"""

import os
import runpy
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any
from unittest import mock

from walkgram.lake.transaction import Transaction
from walkgram.runtime import job, pipeline

LINE = Path(__file__).parent.parent.parent / "jobs" / "pipeline.py"


def kill_group() -> None:
    """End this process, spark-submit and their children without any cleaning up."""
    os.killpg(os.getpgrp(), signal.SIGKILL)


def kill_once_staged(lake: Path, job_name: str) -> None:
    """Kill once the job has staged a file."""
    while not any(file.is_file() for file in lake.glob(f"_staging/{job_name}-*/**/*")):
        time.sleep(0.002)
    kill_group()


def main(moment: str, job_name: str, *arguments: str) -> None:
    """Run the line with these arguments."""
    (lake,) = [Path(part.removeprefix("lake.path=")) for part in arguments if part.startswith("lake.path=")]
    run_job, commit = job.run_job, Transaction.commit

    def watched_run_job(each: Any, *values: Any) -> bool:
        if each.name == job_name and moment == "before":
            kill_group()
        if each.name == job_name:
            threading.Thread(target=kill_once_staged, args=(lake, job_name), daemon=True).start()
        return run_job(each, *values)

    def watched_commit(out: Transaction) -> None:
        if Path(out.staging).name.startswith(f"{job_name}-"):
            time.sleep(60)  # the thread sees the staged files first
        commit(out)

    mock.patch.object(pipeline, "run_job", watched_run_job).start()
    mock.patch.object(Transaction, "commit", watched_commit).start()
    sys.argv = [str(LINE), *arguments]
    runpy.run_path(str(LINE), run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
