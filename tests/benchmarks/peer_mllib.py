"""Spark MLlib's Word2Vec: skip-gram with a hierarchical softmax, since it has no negatives; prints JSON lines.

usage: spark-submit --master local[1] ... peer_mllib.py WALKS.npz     (see bench_spark.py)
"""

import json
import sys

import numpy as np
import process_meter
from pyspark.ml.feature import Word2Vec

from walkgram.runtime.session import get_session

WARM_UP = 500  # walks


def main() -> None:
    """Train on a few walks first, to warm up the JVM; then on all, cached in its memory."""
    arrays = np.load(sys.argv[1])
    spark = get_session("bench")
    meter = process_meter.Meter()
    lengths = arrays["lengths"].tolist()
    walks = [(walk[:length],) for walk, length in zip(arrays["walks"].astype(str).tolist(), lengths, strict=True)]
    for name, count in (("warm-up", WARM_UP), ("all", len(walks))):
        frame = spark.createDataFrame(walks[:count], "walk array<string>").coalesce(1).cache()
        frame.count()
        model = Word2Vec(inputCol="walk", outputCol="vector", vectorSize=128, windowSize=10, maxIter=1, minCount=0, seed=1)
        times = meter.measure(lambda model=model, frame=frame: model.fit(frame))  # type: ignore[misc]
        print(json.dumps({"walks": name, "rate": sum(lengths[:count]) / times["jvm"]} | times), flush=True)


if __name__ == "__main__":
    main()
