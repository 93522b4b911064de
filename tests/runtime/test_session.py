"""The session's configuration: what was submitted takes precedence, and a session of the caller stays unchanged.

Each test starts one process, because a process has one JVM.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from support.spark_submit import BIN, ROOT

SUPPORT = ROOT / "tests" / "support"
# PySpark itself leaves these in the environment when it creates a context.
SET_BY_PYSPARK = {"SPARK_AUTH_SOCKET_TIMEOUT", "SPARK_BUFFER_SIZE"}
DEFAULTS = {
    "master": "local[*]",
    "max_heap_mib": 4096,
    "python": sys.executable,
    "is_cached": True,
    "log_levels": ["OFF", "WARN"],
    "removed_variables": [],
    "spark.app.name": "walkgram probe",
    "spark.driver.memory": "4g",
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.caseSensitive": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.showConsoleProgress": "false",
}


def run_probe(script: str, *launcher: str, **variables: str) -> dict[str, Any]:
    """Run a script of tests/support; return the JSON that it prints. Of Spark's variables it sees only those given here."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "PYSPARK_"))}
    places = {"PYTHONPATH": os.pathsep.join([str(ROOT / "lib"), str(ROOT / "tests")]), "SPARK_LOCAL_IP": "127.0.0.1"}
    # One compiler tier: a JVM of a few seconds never earns back what the second one costs.
    environment = inherited | places | {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1"} | variables
    command = [*(launcher or [sys.executable]), str(SUPPORT / script)]
    done = subprocess.run(command, env=environment, text=True, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    findings = dict(json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{"))))
    assert set(findings.pop("changed_variables", [])) <= SET_BY_PYSPARK
    return findings


def test_spark_submit_takes_precedence_over_every_default() -> None:
    submitted = {
        "spark.driver.memory": "700m",
        "spark.sql.session.timeZone": "America/New_York",
        "spark.sql.adaptive.enabled": "false",
    }
    options = [part for key, value in submitted.items() for part in ("--conf", f"{key}={value}")]
    launcher = [str(BIN / "spark-submit"), "--master", "local[1]", *options]
    settings = run_probe("session_probe.py", *launcher, PYSPARK_PYTHON=sys.executable)
    named = {"master": "local[1]", "max_heap_mib": 700, "spark.app.name": "session_probe.py"}
    assert settings == DEFAULTS | submitted | named


def test_plain_python_gets_the_defaults() -> None:
    settings = run_probe("session_probe.py")
    assert settings == DEFAULTS


def test_plain_python_reads_submit_arguments_and_defaults_file(tmp_path: Path) -> None:
    (tmp_path / "spark-defaults.conf").write_text(
        "spark.driver.memory 800m\nspark.sql.session.timeZone Asia/Tokyo\nspark.sql.caseSensitive false\n"
        f"spark.ui.showConsoleProgress true\nspark.log.level ERROR\nspark.pyspark.python {tmp_path / 'python'}\n"
    )
    arguments = "--master local[1] --name mine --conf spark.sql.session.timeZone=America/New_York pyspark-shell"
    settings = run_probe("session_probe.py", SPARK_CONF_DIR=str(tmp_path), PYSPARK_SUBMIT_ARGS=arguments)
    expected = {
        "master": "local[1]",
        "max_heap_mib": 800,
        "python": str(tmp_path / "python"),
        "log_levels": ["ERROR", "ERROR"],
        "spark.app.name": "mine",
        "spark.driver.memory": "800m",
        "spark.sql.caseSensitive": "false",
        "spark.sql.session.timeZone": "America/New_York",
        "spark.ui.showConsoleProgress": "true",
    }
    assert settings == DEFAULTS | expected


def test_a_session_of_the_caller_stays_unchanged() -> None:
    assert run_probe("user_session_probe.py") == {
        "is_unchanged": True,
        "is_user_session": False,
        "shares_context": True,
        "time_zone": "Asia/Tokyo",  # as the context's configuration has it
        "case_sensitive": "true",
        "is_cached": True,
        "is_cached_after_stop": False,
        "rows": 3,
        "later_time_zone": "Asia/Tokyo",  # PySpark started the JVM with the caller's keys, as if submitted
        "later_log_level": "OFF",
    }
