"""Print, as a line of JSON, from where the executors import walkgram, and by which interpreter: a script for spark-submit."""

import json
import sys

from pyspark import SparkContext


def find_walkgram(_: int) -> tuple[str, str]:
    import walkgram

    return str(walkgram.__file__), sys.executable


def main() -> None:
    with SparkContext() as context:
        found = context.parallelize(range(8), 8).map(find_walkgram).distinct().collect()
    print(json.dumps(sorted(found)))


if __name__ == "__main__":
    main()
