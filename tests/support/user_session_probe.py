"""Print, as a line of JSON, what get_session does in a program that has a Spark session: a script for plain Python."""

import json
import logging
import os
from typing import Any

from pyspark.sql import SparkSession

from support.session_probe import root_log_level
from walkgram.runtime import session


def observe_state(spark: Any) -> list[Any]:
    """Return what must not change: SQL configuration, log level, default and active session, loggers, environment."""
    sessions = [SparkSession.builder.getOrCreate() is spark, SparkSession.getActiveSession() is spark]
    loggers = [logging.getLogger(name).disabled for name in session.QUERY_CONTEXT_LOGGERS]
    return [dict(spark.conf.getAll), root_log_level(spark), sessions, loggers, dict(os.environ)]


def main() -> None:
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    user = builder.config("spark.sql.session.timeZone", "Asia/Tokyo").getOrCreate()
    user.conf.set("spark.sql.session.timeZone", "America/New_York")
    user.conf.set("spark.sql.caseSensitive", "false")
    user.sparkContext.setLogLevel("ERROR")
    before = observe_state(user)
    ours = session.get_session("probe", verbose=True)
    findings = {
        "is_unchanged": observe_state(user) == before,
        "is_user_session": ours is user,
        "shares_context": ours.sparkContext is user.sparkContext,
        "time_zone": ours.conf.get("spark.sql.session.timeZone"),
        "case_sensitive": ours.conf.get("spark.sql.caseSensitive"),
        "is_cached": session.get_session("probe") is ours and session.get_session("probe", user_session=user) is ours,
    }
    user.stop()
    later: Any = session.get_session("later")
    findings |= {
        "is_cached_after_stop": later is ours,
        "rows": later.range(3).count(),
        "later_time_zone": later.conf.get("spark.sql.session.timeZone"),
        "later_log_level": root_log_level(later),
    }
    print(json.dumps(findings))
    later.stop()


if __name__ == "__main__":
    main()
