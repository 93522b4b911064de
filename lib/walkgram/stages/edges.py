"""pair counts -> edges: weights by `pmi`, then the cuts, inside the task that has the counts."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from walkgram.config.schema import Edges, Pmi
from walkgram.kernels import pmi
from walkgram.stages.contract import BlockStore, packed

__all__ = ["SCHEMA", "Weigher", "from_pairs", "most"]

SCHEMA = "src long, dst long, frequency long, pmi double, weight double"


@dataclass(frozen=True)
class Weigher:
    """Weighs and cuts a batch of counts; what it holds travels to the tasks. `total` is N of the definition."""

    store: BlockStore
    total: float
    pmi: Pmi
    cuts: Edges

    def __call__(self, src: np.ndarray, dst: np.ndarray, frequency: np.ndarray) -> dict[str, np.ndarray]:
        """The edges among (src, dst, frequency): columns of the table `edges`."""
        f, a = self.store.open(0)["f"], self.pmi.smoothing
        often = frequency >= self.cuts.min_frequency
        src, dst, frequency = src[often], dst[often], frequency[often]
        joint, fx, fy = frequency.astype(np.float64), f[src].astype(np.float64), f[dst].astype(np.float64)
        smoothed = float((f.astype(np.float64) ** a).sum()) if a != 1.0 else 0.0
        value, weight = pmi.weigh(joint, fx, fy, self.total, self.pmi.weight, self.pmi.shift, a, smoothed)
        kept = (weight > 0) & (weight >= self.cuts.min_weight)
        columns = {"src": src, "dst": dst, "frequency": frequency, "pmi": value, "weight": weight}
        return {name: column[kept] for name, column in columns.items()}

    def uncut(self) -> "Weigher":
        """The same without cuts: every pair of a weight above 0."""
        return replace(self, cuts=Edges(min_weight=0.0, min_frequency=1))


def from_pairs(pairs: DataFrame, weigher: Weigher) -> DataFrame:
    """The edges of a pairs table: the same rows as when the counts never touch the disk."""

    def weigh(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield from packed(weigher(*(batch[name].to_numpy() for name in ("src", "dst", "frequency"))))

    return pairs.select("src", "dst", "frequency").mapInArrow(weigh, SCHEMA)


def most(uncut: DataFrame) -> str:
    """What the cuts would have to spare, for the line that says that they keep nothing."""
    found = uncut.agg(F.max("weight").alias("weight"), F.max("frequency").alias("frequency")).first()
    if found is None or found["weight"] is None:
        return "no pair has a weight above 0; try another pmi.weight, or pmi.total"
    return f"the heaviest pair weighs {found['weight']:.6g}, the most frequent has {found['frequency']} users"
