"""The metrics by name: `neighbours.metric` names one of METRICS. A new metric is a file in this folder and a line there."""

from walkgram.errors import ConfigError
from walkgram.kernels.knn.cosine import COSINE
from walkgram.kernels.knn.metric import Metric

__all__ = ["METRICS", "find_metric"]

METRICS = {
    "cosine": COSINE,
}


def find_metric(name: str) -> Metric:
    """Return a metric. Raises `ConfigError` for an unknown name, with the known ones."""
    if name not in METRICS:
        raise ConfigError(f"unknown metric {name!r}: choose one of {', '.join(sorted(METRICS))}")
    return METRICS[name]
