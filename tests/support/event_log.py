"""Spark's event logs: where an application ran, and which executors its tasks ended on."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DRIVER = "driver"


@dataclass
class EventLog:
    """One application: its configuration, and the successful tasks of each executor."""

    properties: dict[str, str] = field(default_factory=dict)
    tasks: Counter[str] = field(default_factory=Counter)

    @property
    def master(self) -> str:
        return self.properties["spark.master"]


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
            elif event["Event"] == "SparkListenerTaskEnd" and event["Task End Reason"]["Reason"] == "Success":
                log.tasks[event["Task Info"]["Executor ID"]] += 1
    return log
