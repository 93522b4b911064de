"""Spark's event logs: where an application ran, and which executors its tasks ended on."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DRIVER = "driver"


@dataclass
class EventLog:
    """One application: its configuration, the successful tasks of each executor, and the executors that were lost.

    attempts: the attempts of each task, by (stage, partition); more than one where it was submitted again.
    """

    properties: dict[str, str] = field(default_factory=dict)
    tasks: Counter[str] = field(default_factory=Counter)
    attempts: Counter[tuple[int, int]] = field(default_factory=Counter)
    lost_executors: list[str] = field(default_factory=list)

    @property
    def master(self) -> str:
        return self.properties["spark.master"]

    @property
    def resubmitted_tasks(self) -> int:
        """How many tasks were started again."""
        return self.attempts.total() - len(self.attempts)


def event_log_options(folder: Path) -> tuple[str, ...]:
    """Return options of spark-submit that write an application's events into a folder, one plain file of JSON lines."""
    folder.mkdir(parents=True)
    settings = {"enabled": "true", "dir": folder.as_uri(), "compress": "false", "rolling.enabled": "false"}
    return tuple(part for key, value in settings.items() for part in ("--conf", f"spark.eventLog.{key}={value}"))


def read_event_log(folder: Path) -> EventLog:
    """Read the events of the only application that wrote into a folder."""
    (file,) = folder.iterdir()
    log = EventLog()
    with file.open() as lines:
        for line in lines:
            event: dict[str, Any] = json.loads(line)
            if event["Event"] == "SparkListenerEnvironmentUpdate":
                log.properties.update(event["Spark Properties"])
            elif event["Event"] == "SparkListenerExecutorRemoved":
                log.lost_executors.append(event["Executor ID"])
            elif event["Event"] == "SparkListenerTaskStart":
                log.attempts[event["Stage ID"], event["Task Info"]["Index"]] += 1
            elif event["Event"] == "SparkListenerTaskEnd" and event["Task End Reason"]["Reason"] == "Success":
                log.tasks[event["Task Info"]["Executor ID"]] += 1
    return log
