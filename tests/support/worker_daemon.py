"""The daemon of the Python workers in tests (spark.python.daemon.module): pyspark's own, with zip directories kept.

SPARK-54744 costs 0.15 CPU seconds a task, and the tests run thousands of small tasks. Jobs have the key
spark.cache_zip_directories for it (stages/workers.py); tests/stages/test_workers.py tests that key.
"""

import runpy

from walkgram.stages.workers import cache_zip_directories

cache_zip_directories()  # workers are forks of this process
runpy.run_module("pyspark.daemon", run_name="__main__")
