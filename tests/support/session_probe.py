"""Print, as a line of JSON, the settings of a job's session: a script for spark-submit and for plain Python."""

import json
import os
from typing import Any

from walkgram.runtime import session

KEYS = (
    "spark.app.name",
    "spark.driver.memory",
    "spark.sql.adaptive.enabled",
    "spark.sql.caseSensitive",
    "spark.sql.execution.arrow.maxRecordsPerBatch",
    "spark.sql.legacy.parquet.nanosAsLong",
    "spark.sql.parquet.outputTimestampType",
    "spark.sql.session.timeZone",
    "spark.ui.showConsoleProgress",
)


def root_log_level(spark: Any) -> str:
    return str(spark._jvm.org.apache.logging.log4j.LogManager.getRootLogger().getLevel())


def main() -> None:
    environment = dict(os.environ)
    spark: Any = session.get_session("probe")
    quiet_level = root_log_level(spark)
    settings = {
        "master": spark.sparkContext.master,
        "max_heap_mib": spark._jvm.java.lang.Runtime.getRuntime().maxMemory() >> 20,
        "python": spark.sparkContext.pythonExec,
        "is_cached": session.get_session("another", verbose=True) is spark,
        "log_levels": [quiet_level, root_log_level(spark)],
        "changed_variables": sorted(name for name in os.environ if os.environ[name] != environment.get(name)),
        "removed_variables": sorted(environment.keys() - os.environ.keys()),
        **{key: spark.conf.get(key) for key in KEYS},
    }
    print(json.dumps(settings))
    spark.stop()


if __name__ == "__main__":
    main()
