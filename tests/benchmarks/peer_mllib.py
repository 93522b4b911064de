"""Spark MLlib's Word2Vec: skip-gram with a hierarchical softmax, as it has no negatives; prints JSON lines.

usage: spark-submit --master local[1] ... peer_mllib.py WALKS.npz     (bench_spark.py has the rest)
"""

import json
import sys

import numpy as np
import processes
from pyspark.ml.feature import Word2Vec

from walkgram.runtime import session

WARM_UP = 500  # walks


def main() -> None:
    """A few walks first, so that the JVM is warm; then all of them, which lie in its memory."""
    held = np.load(sys.argv[1])
    spark = session.get_session("bench")
    meter = processes.Meter()
    lengths = held["lengths"].tolist()
    walks = [(walk[:length],) for walk, length in zip(held["walks"].astype(str).tolist(), lengths, strict=True)]
    for name, count in (("warm-up", WARM_UP), ("all", len(walks))):
        frame = spark.createDataFrame(walks[:count], "walk array<string>").coalesce(1).cache()
        frame.count()
        model = Word2Vec(inputCol="walk", outputCol="vector", vectorSize=128, windowSize=10, maxIter=1, minCount=0, seed=1)
        taken = meter.during(lambda model=model, frame=frame: model.fit(frame))
        print(json.dumps({"walks": name, "rate": sum(lengths[:count]) / taken["jvm"]} | taken), flush=True)


if __name__ == "__main__":
    main()
