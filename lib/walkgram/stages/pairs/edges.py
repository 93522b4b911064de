"""pair counts -> edges: weigh by a formula, then filter, inside the task that has the counts."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from walkgram.config.pairs import Edges, Pairs, Pmi
from walkgram.errors import ConfigError, name_jobs
from walkgram.kernels.pairs import inverted_lists, pmi
from walkgram.kernels.pairs.accumulator import PairRows
from walkgram.stages.pairs import counting, pair_rows
from walkgram.stages.ports import BlockStore, ShardStore
from walkgram.stages.workers import NO_SETUP, TaskSetup

__all__ = [
    "EdgeWeigher",
    "check_counting",
    "compute_pmi_normalizer",
    "filter_diagnostics",
    "top_k_per_node",
    "weigh_pairs_table",
]

COUNTING_KEYS = {  # table -> keys of [pairs] that its content depends on; the table's job has its name
    "baskets": ("mode", "window", "max_gap", "user_weight", "max_items_per_user", "seed"),
    "pairs": ("min_frequency",),
}


def check_counting(config: Pairs, stored: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise `ConfigError` if a table was counted with another configuration. stored: table -> its section [pairs]."""
    for table, names in COUNTING_KEYS.items():
        for name in names:
            value = getattr(config, name)
            stored_value = stored.get(table, {}).get(name, value)
            if stored_value != value:
                raise ConfigError(
                    f"pairs.{name} = {value}, but table {table} was counted with {stored_value}: run {name_jobs(table)} again"
                )


def compute_pmi_normalizer(config: Pmi, has_weights: bool, totals: BlockStore) -> float:
    """Return N: the number of interactions or of users; if users have weights, the sum of the weights."""
    scale = inverted_lists.SUPPORT_SCALE if has_weights else 1
    if config.normalizer == "users":
        return int(totals.open(1)["users"][1]) / scale
    high, low = totals.open(1)["sum"]
    return ((int(high) << 32) + int(low)) / scale


@dataclass(frozen=True)
class EdgeWeigher:
    """A function from counts to edges; travels to the tasks. totals: the blocks of `baskets.sum_totals`."""

    totals: BlockStore
    pairs: Pairs
    formula: Pmi
    cuts: Edges
    normalizer: float

    @property
    def support_unit(self) -> float:
        """The unit of a support."""
        return 1.0 if self.pairs.user_weight == "none" else 1 / inverted_lists.SUPPORT_SCALE

    @functools.cached_property
    def item_stats(self) -> pmi.ItemStats:
        """Statistics of all items, opened once a task."""
        block = self.totals.open(0)
        return pmi.make_item_stats(block["s"] * self.support_unit, block["f"] >= self.cuts.min_item_frequency)

    @functools.cached_property
    def params(self) -> pmi.PmiParams:
        """The formula with its constants."""
        smoothing, directed = self.formula.smoothing, self.pairs.mode == "sequence"
        smoothed_total = float((self.item_stats.f**smoothing).sum()) if smoothing != 1.0 else 0.0
        return pmi.make_pmi_params(
            self.formula.weight, self.normalizer, self.formula.shift, smoothing, smoothed_total, directed
        )

    @functools.cached_property
    def buffers(self) -> list[pmi.EdgeBuffer]:
        """One output buffer, which all batches of a task share and which grows with them."""
        return [pmi.output_buffer(0)]

    def __call__(self, counts: PairRows) -> Mapping[str, np.ndarray]:
        """Weigh and filter counts; returns columns of the table `edges`, which the next batch overwrites."""
        if len(counts.support):
            return self.weigh_rows(counts, counts.support, self.support_unit)
        return self.weigh_rows(counts, counts.frequency, 1.0)

    def weigh_rows(self, counts: PairRows, joint: np.ndarray, unit: float) -> Mapping[str, np.ndarray]:
        """Weigh and filter counts whose f(x,y) is `joint` in units of `unit`."""
        cuts = pmi.EdgeCuts(self.cuts.min_frequency, self.cuts.min_weight)
        if len(self.buffers[0].src) < len(joint):
            self.buffers[0] = pmi.output_buffer(len(joint))
        row_first = self.pairs.mode == "sequence"
        edges = pmi.weigh_and_filter(counts, joint, unit, self.item_stats, self.params, cuts, row_first, self.buffers[0])
        return edges._asdict()

    def without_cuts(self) -> "EdgeWeigher":
        """Return a weigher that keeps every pair with a weight above 0."""
        return replace(self, cuts=Edges())


def weigh_pairs_table(
    tasks: DataFrame, pairs: ShardStore, weigher: EdgeWeigher, edges: ShardStore | None, setup: TaskSetup = NO_SETUP
) -> DataFrame:
    """Weigh shard `id` of the pairs table for each row of `tasks` and write the edges as shard `id`.

    Returns rows of `counting.SUMMARY_SCHEMA`. The edges equal those that are weighed straight from the counts.
    """

    def shard_batches(number: int) -> Iterator[Mapping[str, np.ndarray]]:
        for batch in pairs.read(number):
            counts, support = pair_rows.read_pair_rows(batch, weigher.pairs)
            yield weigher.weigh_rows(counts, support, 1.0)

    return counting.write_shards(tasks, shard_batches, edges, setup)


def top_k_per_node(edges: DataFrame, k: int, directed: bool) -> DataFrame:
    """Keep the edges that are among the k heaviest of either end, with ties.

    A directed edge is ranked among the edges that leave src, and among those that enter dst. One shuffle of the edges for
    each end.
    """
    if directed:
        for end, rank in (("src", "_src"), ("dst", "_dst")):
            edges = edges.withColumn(rank, F.rank().over(Window.partitionBy(end).orderBy(F.col("weight").desc())))
        return edges.where((F.col("_src") <= k) | (F.col("_dst") <= k)).drop("_src", "_dst")
    ends = edges.withColumn("node", F.explode(F.array("src", "dst")))
    ranked = ends.withColumn("rank", F.rank().over(Window.partitionBy("node").orderBy(F.col("weight").desc())))
    return ranked.where(F.col("rank") <= k).drop("node", "rank").distinct()


def filter_diagnostics(summary: Mapping[str, float]) -> str:
    """Describe the largest weight and frequency, for the message that the cuts keep no edge.

    summary: `counting.collect_summary` of all pairs, without cuts.
    """
    if summary["max_weight"] <= 0:
        return "no pair has a weight above 0; try another pmi.weight, or pmi.normalizer"
    return f"the heaviest pair weighs {summary['max_weight']:.6g}, the most frequent has {summary['max_frequency']:.0f} users"
