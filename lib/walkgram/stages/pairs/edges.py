"""pair counts -> edges: weights by `pmi`, then the cuts, inside the task that has the counts."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from walkgram.config.pairs import Edges, Pairs, Pmi
from walkgram.errors import ConfigError
from walkgram.kernels.pairs import inverted_lists, pmi
from walkgram.kernels.pairs.cooccurrence import PairRows
from walkgram.stages.pairs import counting
from walkgram.stages.ports import BlockStore, ShardStore

__all__ = [
    "EdgeWeigher",
    "check_counting",
    "compute_pmi_normalizer",
    "filter_diagnostics",
    "top_k_per_node",
    "weigh_pairs_table",
]


COUNTED = {"baskets": ("mode", "window", "max_gap", "user_weight", "max_items_per_user", "seed"), "pairs": ("min_frequency",)}


def check_counting(config: Pairs, made: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise `ConfigError` where a table was counted in another way than `config` says. made: table -> what it was made by."""
    for table, names in COUNTED.items():
        for name in names:
            own = getattr(config, name)
            if made.get(table, {}).get(name, own) != own:
                raise ConfigError(f"pairs.{name} = {own}, but the {table} have {made[table][name]}: run jobs/pairs.py again")


def compute_pmi_normalizer(config: Pmi, weighted: bool, counts: BlockStore) -> float:
    """N: the interactions, or the users, that were counted; where users are `weighted` the sum of their weights."""
    scale = inverted_lists.SUPPORT_SCALE if weighted else 1
    if config.normalizer == "users":
        return int(counts.open(1)["users"][1]) / scale
    often, rest = counts.open(1)["sum"]
    return ((int(often) << 32) + int(rest)) / scale


@dataclass(frozen=True)
class EdgeWeigher:
    """Weighs and cuts counts; what it holds travels to the tasks. counts: the blocks of `baskets.totals`."""

    counts: BlockStore
    counting: Pairs
    formula: Pmi
    cuts: Edges
    total: float

    @property
    def scale(self) -> float:
        """What the unit of a support is."""
        return 1.0 if self.counting.user_weight == "none" else 1 / inverted_lists.SUPPORT_SCALE

    @functools.cached_property
    def items(self) -> pmi.ItemStats:
        """What is known of the items, opened once a task."""
        block = self.counts.open(0)
        return pmi.make_item_stats(block["s"] * self.scale, block["f"] >= self.cuts.min_item_frequency)

    @functools.cached_property
    def law(self) -> pmi.PmiParams:
        """The formula with its constants."""
        own = self.formula
        smoothed = float((self.items.f**own.smoothing).sum()) if own.smoothing != 1.0 else 0.0
        directed = self.counting.mode == "sequence"
        return pmi.make_pmi_params(own.weight, self.total, own.shift, own.smoothing, smoothed, directed)

    @functools.cached_property
    def held(self) -> list[pmi.EdgeBuffer]:
        """The room that every batch of this task is written from."""
        return [pmi.output_buffer(0)]

    def __call__(self, found: PairRows) -> Mapping[str, np.ndarray]:
        """The edges among counted rows: columns of the table `edges`, which the next batch overwrites."""
        weighted = len(found.support) > 0
        return self.weigh(found, found.support if weighted else found.frequency, self.scale if weighted else 1.0)

    def weigh(self, found: PairRows, joint: np.ndarray, scale: float) -> Mapping[str, np.ndarray]:
        """The edges among rows whose f(x,y) is `joint` in units of `scale`."""
        cuts = pmi.EdgeCuts(self.cuts.min_frequency, self.cuts.min_weight)
        if len(self.held[0].src) < len(joint):
            self.held[0] = pmi.output_buffer(len(joint))
        row_first = self.counting.mode == "sequence"
        return pmi.weigh_and_filter(found, joint, scale, self.items, self.law, cuts, row_first, self.held[0])._asdict()

    def uncut(self) -> "EdgeWeigher":
        """The same without cuts: every pair of a weight above 0."""
        return replace(self, cuts=Edges())


def weigh_pairs_table(tasks: DataFrame, table: ShardStore, weigher: EdgeWeigher, sink: ShardStore | None) -> DataFrame:
    """Weigh shard `id` of the pairs table for each row of `tasks` and write the edges as shard `id`; returns a
    `pairs.SUMMARY`. The same edges as when the counts never touch the disk.
    """

    def batches_of(number: int) -> Iterator[Mapping[str, np.ndarray]]:
        for batch in table.read(number):
            found, support = counting.read_pair_rows(batch, weigher.counting)
            yield weigher.weigh(found, support, 1.0)

    return counting.write_shards(tasks, batches_of, sink)


def top_k_per_node(edges: DataFrame, k: int, directed: bool) -> DataFrame:
    """The edges that are among the k heaviest of either end, those as heavy as the k-th included.

    Directed edges are ranked among those that leave src, and among those that reach dst. One shuffle of the edges by each
    end, the heaviest first.
    """
    if directed:
        for end, rank in (("src", "_src"), ("dst", "_dst")):
            edges = edges.withColumn(rank, F.rank().over(Window.partitionBy(end).orderBy(F.col("weight").desc())))
        return edges.where((F.col("_src") <= k) | (F.col("_dst") <= k)).drop("_src", "_dst")
    ends = edges.withColumn("node", F.explode(F.array("src", "dst")))
    ranked = ends.withColumn("rank", F.rank().over(Window.partitionBy("node").orderBy(F.col("weight").desc())))
    return ranked.where(F.col("rank") <= k).drop("node", "rank").distinct()


def filter_diagnostics(sums: Mapping[str, float]) -> str:
    """What the cuts would have to spare, for the line that says that they keep nothing. sums: of all shards without cuts."""
    if sums["heaviest"] <= 0:
        return "no pair has a weight above 0; try another pmi.weight, or pmi.normalizer"
    return f"the heaviest pair weighs {sums['heaviest']:.6g}, the most frequent has {sums['most']:.0f} users"
