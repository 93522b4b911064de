"""pair counts -> edges: weights by `pmi`, then the cuts, inside the task that has the counts."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from walkgram.kernels import pmi
from walkgram.stages.contract import BlockStore, packed

__all__ = ["SCHEMA", "Weigher", "from_pairs"]

SCHEMA = "src long, dst long, frequency long, pmi double, weight double"


@dataclass(frozen=True)
class Weigher:
    """Weighs and cuts a batch of counts; what it holds travels to the tasks. `total` is N of the definition."""

    store: BlockStore
    total: float
    formula: str
    shift: float
    smoothing: float
    min_weight: float
    min_frequency: int

    def __call__(self, src: np.ndarray, dst: np.ndarray, frequency: np.ndarray) -> dict[str, np.ndarray]:
        """The edges among (src, dst, frequency): columns of the table `edges`."""
        f = self.store.open(0)["f"]
        often = frequency >= self.min_frequency
        src, dst, frequency = src[often], dst[often], frequency[often]
        joint, fx, fy = frequency.astype(np.float64), f[src].astype(np.float64), f[dst].astype(np.float64)
        smoothed = float((f.astype(np.float64) ** self.smoothing).sum()) if self.smoothing != 1.0 else 0.0
        value, weight = pmi.weigh(joint, fx, fy, self.total, self.formula, self.shift, self.smoothing, smoothed)
        kept = (weight > 0) & (weight >= self.min_weight)
        columns = {"src": src, "dst": dst, "frequency": frequency, "pmi": value, "weight": weight}
        return {name: column[kept] for name, column in columns.items()}


def from_pairs(pairs: DataFrame, weigher: Weigher) -> DataFrame:
    """The edges of a pairs table: the same rows as when the counts never touch the disk."""

    def weigh(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield from packed(weigher(*(batch[name].to_numpy() for name in ("src", "dst", "frequency"))))

    return pairs.select("src", "dst", "frequency").mapInArrow(weigh, SCHEMA)
