"""CPU seconds of a run: the driver's, the JVM's and the Python workers', each where it was used."""

import subprocess
import sys
from typing import Any

import pytest

from walkgram.runtime import cpu
from walkgram.runtime.cpu import CpuMeter, describe_cpu, measure_executors

BURN = "import time\nstart = time.process_time()\nwhile time.process_time() < start + 0.5: pass"


def burn(batches: Any) -> Any:
    exec(BURN)
    return batches


def test_seconds_of_this_process_are_the_drivers() -> None:
    meter = CpuMeter()
    exec(BURN)
    seconds = meter.read()
    assert 0.4 < seconds["driver"] < 5


@pytest.mark.parametrize("ended", [True, False])
def test_seconds_of_a_child_are_those_of_a_worker_or_of_the_driver_once_it_has_ended(ended: bool) -> None:
    meter = CpuMeter()
    hold = "" if ended else "\nprint(flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", BURN + hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        if ended:
            child.wait()
        else:
            assert child.stdout is not None
            child.stdout.readline()
        seconds = meter.read()
        child.kill()
    assert 0.4 < seconds["driver" if ended else "Python workers"] < 5


def test_seconds_of_sparks_tasks_are_those_of_the_workers_and_the_jvm(spark: Any) -> None:
    meter = CpuMeter(spark.sparkContext)
    spark.range(0, 2, 1, 2).mapInArrow(burn, "id long").collect()
    seconds = meter.read()
    assert 0.8 < seconds["Python workers"] < 20
    assert seconds["JVM"] > 0
    assert seconds["driver"] < 5


def test_executors_report_what_they_have_used_since_the_last_time(spark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "_executors", {})
    first = measure_executors(spark.sparkContext)
    spark.range(0, 2, 1, 2).mapInArrow(burn, "id long").collect()
    second = measure_executors(spark.sparkContext)
    assert first["JVM"] > 1  # all since the JVM has started
    assert 0.8 < second["Python workers"] < 20


def test_a_system_without_proc_gives_the_drivers_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "read_processes", dict)
    meter = CpuMeter()
    exec(BURN)
    assert 0.4 < meter.read()["driver"] < 5


def test_the_text_has_the_sum_and_its_parts() -> None:
    assert describe_cpu({"driver": 1.25, "JVM": 2.0, "Python workers": 0.0}) == "3.2 CPU s (driver 1.2, JVM 2.0)"
    assert describe_cpu({}) == "0.0 CPU s"
