"""The check before a job works: one line that names host, interpreter and package, where Spark or a worker does not fit."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyspark
import pytest

import walkgram
from walkgram.errors import EnvironmentMismatch
from walkgram.runtime import preflight
from walkgram.runtime.preflight import PACKAGES, WorkerReport, check_report, check_spark_version, check_workers, explain_failure

VERSIONS = dict.fromkeys(PACKAGES, "1.0") | {"walkgram": walkgram.__version__}
CONTEXT: Any = SimpleNamespace(pythonExec="/opt/python3")


def test_the_workers_of_this_session_are_described(spark: Any) -> None:
    (report,) = check_workers(spark.sparkContext)
    assert report.interpreter == sys.executable
    assert report.versions["walkgram"] == walkgram.__version__
    assert report.versions["pyspark"] if "pyspark" in report.versions else set(PACKAGES) <= report.versions.keys()


def test_the_probe_runs_once_a_spark_context(spark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = check_workers(spark.sparkContext)
    monkeypatch.setattr(preflight, "PROBE", "raise AssertionError('run again')")
    assert check_workers(spark.sparkContext) is first


@pytest.mark.parametrize("version, fits", [(pyspark.__version__, True), ("3.5.1", False), ("4.99.0", False)])
def test_a_spark_of_another_version_is_named(version: str, fits: bool) -> None:
    if fits:
        check_spark_version(version)
        return
    with pytest.raises(EnvironmentMismatch, match=rf"Spark is version {version}, and the package pyspark .* unset SPARK_HOME"):
        check_spark_version(version)


def test_a_missing_package_and_another_walkgram_are_named_with_host_and_interpreter() -> None:
    check_report(WorkerReport("h1", "/opt/python3", "3.11.2", VERSIONS))
    missing = VERSIONS | {"pyarrow": "", "pyarrow error": "ModuleNotFoundError: No module named 'pyarrow'"}
    with pytest.raises(
        EnvironmentMismatch, match=r"host h1, interpreter /opt/python3 \(Python 3\.11\.2\): package pyarrow cannot"
    ):
        check_report(WorkerReport("h1", "/opt/python3", "3.11.2", missing))
    with pytest.raises(EnvironmentMismatch, match=r"package walkgram is 0\.0\.1, and the driver's is"):
        check_report(WorkerReport("h1", "/opt/python3", "3.11.2", VERSIONS | {"walkgram": "0.0.1"}))


@pytest.mark.parametrize(
    "text, message",
    [
        (
            "[PYTHON_VERSION_MISMATCH] Python in worker has different version: 3.9 than that in driver: 3.11",
            "another Python than",
        ),
        (
            'java.io.IOException: Cannot run program "/opt/none": error=2, No such file',
            "cannot start the interpreter /opt/none",
        ),
        ("ModuleNotFoundError: No module named 'pyspark'", "package pyspark cannot be imported on an executor"),
        ("\n  disk on fire\nmore", r"interpreter /opt/python3 failed \(disk on fire\)"),
    ],
)
def test_a_probe_that_cannot_run_is_explained(text: str, message: str) -> None:
    with pytest.raises(EnvironmentMismatch, match=message) as error:
        raise explain_failure(CONTEXT, text)
    assert "--py-files" in str(error.value)
    assert not any(word in str(error.value) for word in ("java.io", "ModuleNotFoundError", "Traceback"))


def run_cli(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "walkgram", *arguments], text=True, capture_output=True, check=False, timeout=300,
        env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_DRIVER_MEMORY": "600m", **variables},
    )  # fmt: skip


def test_a_job_whose_workers_lack_a_package_ends_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "pyarrow.py").write_text("raise ModuleNotFoundError(\"No module named 'pyarrow'\")")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}/hidden:$PYTHONPATH" exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    done = run_cli("interactions", "--set", f"lake.path={tmp_path / 'lake'}", PYSPARK_PYTHON=str(python))
    assert done.returncode == 2, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "error:" in line]
    assert f"package pyarrow cannot be imported (No module named 'pyarrow'): {preflight.REMEDY}" in line
    assert "host " in line
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "lake" / "interactions").exists()


@pytest.mark.slow
def test_too_little_memory_for_the_driver_is_one_line_of_walkgram(tmp_path: Path) -> None:
    done = run_cli("preflight", "--set", f"lake.path={tmp_path / 'lake'}", SPARK_DRIVER_MEMORY="400m")
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if "walkgram preflight: error:" in line]
    assert "has 400 MiB of memory and needs 450 MiB: raise spark.driver.memory" in line
    assert "Traceback" not in done.stderr
