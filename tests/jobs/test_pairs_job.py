"""The jobs pairs and edges: edges by item id equal brute force in every mode, for every split of the work."""

import shutil
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy import sparse

from support import lakes as lakes
from support import oracles
from support import pair_oracles as brute
from walkgram.config import load as configuration
from walkgram.config.schema import Config
from walkgram.kernels.pairs.pmi import FORMULAS
from walkgram.lake.blocks import Blocks
from walkgram.stages.pairs import counting, edges

OTHER_SPLIT = ("pairs.blocks=5", "pairs.tasks=7", "pairs.counter_columns=3", "pairs.write_table=true")


class Case(NamedTuple):
    """Keys of the configuration, and the parameters of brute force."""

    keys: tuple[str, ...]
    counted: brute.PairCounter
    cap: int = 0
    seed: int = 7
    formula: str = "pmi_frequency"
    total: str = "interactions"
    smoothing: float = 1.0
    min_frequency: int = 1
    min_item_frequency: int = 1
    min_weight: float = 0.0
    top_k: int = 0

    def as_keys(self) -> tuple[str, ...]:
        """Return the case as keys of the configuration."""
        cuts = [
            f"edges.{name}={getattr(self, name)}" for name in ("min_frequency", "min_item_frequency", "min_weight", "top_k")
        ]
        pmi = [
            f"pmi.weight={self.formula}",
            f"pmi.normalizer={self.total}",
            f"pmi.smoothing={self.smoothing}",
            "pmi.shift=1.25",
        ]
        return (*self.keys, f"pairs.max_items_per_user={self.cap}", f"pairs.seed={self.seed}", *cuts, *pmi)


CASES = {
    "baskets": Case((), brute.PairCounter({}), min_frequency=2, min_weight=0.7),
    "capped baskets of weighted users": Case(
        ("pairs.user_weight=inverse_degree",), brute.PairCounter({}, weighting="inverse_degree"),
        cap=5, seed=11, formula="frequency", top_k=2,
    ),
    "sequences": Case(("pairs.mode=sequence",), brute.PairCounter({}, True), formula="frequency", total="users", top_k=2),
    "sequences in reach of weighted users": Case(
        ("pairs.mode=sequence", "pairs.window=2", "pairs.max_gap=30.5", "pairs.user_weight=inverse_log_degree"),
        brute.PairCounter({}, True, 2, round(30.5 * lakes.SECOND), "inverse_log_degree"),
        cap=6, formula="ppmi", total="users", smoothing=0.75, min_item_frequency=6,
    ),
}  # fmt: skip
ROWS = [(user, item, None if time is None else time * lakes.SECOND) for user, item, time in lakes.rows_of_forty_users()]


@pytest.fixture(scope="module")
def interactions_lake(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a lake with the interactions."""
    folder = tmp_path_factory.mktemp("interactions_lake")
    return lakes.interactions(lakes.write(lakes.rows_of_forty_users(), folder / "rows.parquet"), folder / "lake")


@pytest.fixture
def lake(interactions_lake: Path, tmp_path: Path) -> Path:
    """Copy the lake with the interactions, so that a test may change it."""
    shutil.copytree(interactions_lake, tmp_path / "lake")
    return tmp_path / "lake"


def count_lists(case: Case) -> brute.PairCounter:
    """Return the counter of a case with its lists."""
    lists: Any = brute.group_by_user(ROWS)
    lists = brute.drop_untimed(lists) if case.counted.directed else lists
    if case.cap:
        lists = brute.sample_lists(lists, case.cap, {(u, i): oracles.lot(u, i, case.seed) for u in lists for i in lists[u]})
    return replace(case.counted, lists=lists)


def expected_edges(counted: brute.PairCounter, case: Case) -> dict[Any, brute.Edge]:
    pairs = counted.weigh_pairs(case.formula, case.total, 1.25, case.smoothing)
    edges = brute.filter_edges(pairs, counted.frequent_items(case.min_item_frequency), case.min_frequency, case.min_weight)
    return brute.top_k_per_node(edges, case.top_k, counted.directed) if case.top_k else edges


def make_weigher(lake: Path, config: Config) -> edges.EdgeWeigher:
    """Return the weigher of a configuration on a lake."""
    totals = Blocks(str(lake / "baskets" / "totals"), "test")
    normalizer = edges.compute_pmi_normalizer(config.pmi, config.pairs.user_weight != "none", totals)
    return edges.EdgeWeigher(totals, config.pairs, config.pmi, config.edges, normalizer)


def weigh_baskets(lake: Path, config: Config) -> dict[Any, brute.Edge]:
    """Weigh the baskets of a lake in this process, without top_k."""
    lists, ids = Blocks(str(lake / "baskets" / "users"), "test"), lakes.names(lake)
    weigher = make_weigher(lake, config)
    blocks = counting.open_blocks(weigher.totals.open(1)["blocks"].tolist(), lists)
    edge_rows = {}
    for rows in counting.count_span(blocks, (0, len(ids)), len(ids), config.pairs, config.edges.min_frequency):
        for x, y, *values in zip(*(column.tolist() for column in weigher(rows).values()), strict=True):
            ends = (ids[x], ids[y]) if config.pairs.mode == "sequence" else tuple(sorted((ids[x], ids[y])))
            edge_rows[ends] = brute.Edge(*values)
    return edge_rows


def assert_every_formula(lake: Path, counted: brute.PairCounter, case: Case) -> None:
    """Assert all formulas, both normalizers, with and without smoothing, on the blocks that a job has written."""
    for formula, total, smoothing in product(FORMULAS, ("interactions", "users"), (1.0, 0.6)):
        other = case._replace(formula=formula, total=total, smoothing=smoothing, min_weight=0.0, top_k=0, min_frequency=1)
        edge_rows = weigh_baskets(lake, configuration.load_config(None, other.as_keys()))
        lakes.assert_same(edge_rows, expected_edges(counted, other))
        assert len(edge_rows) > 5


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_edges_equal_brute_force_for_every_split_of_the_work(lake: Path, case: Case) -> None:
    counted = count_lists(case)
    for name in ("baskets", "pairs", "edges"):
        assert lakes.run(name, lake, *case.as_keys()) == 0
    actual, expected = lakes.edges(lake, counted.directed), expected_edges(counted, case)
    lakes.assert_same(actual, expected)
    assert 10 < len(expected) < len(counted.count_pairs())
    assert not (lake / "pairs").exists()
    assert_every_formula(lake, counted, case)
    record = lakes.manifest(lake, "baskets")["counts"]
    assert record["users"] == len(counted.lists)
    assert record["increments"] == sum(users for users, _ in counted.count_pairs().values())
    left_out = len({(user, item) for user, item, _ in ROWS}) - sum(map(len, counted.lists.values()))
    assert record.get("left out for want of a time, or by the cap", 0) == left_out
    assert (left_out > 0) == (case.counted.directed or case.cap > 0)
    for name in ("baskets", "pairs", "edges"):
        assert lakes.run(name, lake, *case.as_keys(), *OTHER_SPLIT) == 0
    assert lakes.edges(lake, counted.directed) == actual
    assert lakes.by_ids(lake, "pairs", counted.directed) == {
        ends: {"frequency": users, "support": support} for ends, (users, support) in counted.count_pairs().items()
    }
    assert lakes.manifest(lake, "baskets")["counts"]["blocks"] == 5
    assert lakes.manifest(lake, "edges")["counts"]["shards"] == lakes.manifest(lake, "pairs")["counts"]["shards"] == 7


@pytest.fixture
def edge_sources(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the source of the edges of each job: `table` or `counts`."""
    calls: list[str] = []
    for module, name, source in ((edges, "weigh_pairs_table", "table"), (counting, "write_counts", "counts")):
        original = getattr(module, name)

        def call(*arguments: Any, original: Any = original, source: str = source) -> Any:
            calls.append(source)
            return original(*arguments)

        monkeypatch.setattr(module, name, call)
    return calls


def test_a_pairs_table_with_a_higher_cut_than_the_edges_is_not_used(lake: Path, edge_sources: list[str]) -> None:
    keys = ("pairs.write_table=true", "pairs.min_frequency=3", "pairs.tasks=4", "pairs.user_weight=inverse_degree")
    for name in ("baskets", "pairs"):
        assert lakes.run(name, lake, *keys) == 0
    counted = brute.PairCounter(brute.group_by_user(ROWS), weighting="inverse_degree")
    assert lakes.by_ids(lake, "pairs", False) == {
        ends: {"frequency": f, "support": s} for ends, (f, s) in counted.count_pairs().items() if f >= 3
    }
    assert edge_sources == ["counts"]
    for min_frequency, source in ((2, "counts"), (3, "table"), (4, "table")):
        all_keys = (*keys, f"edges.min_frequency={min_frequency}")
        assert lakes.run("edges", lake, *all_keys) == 0
        assert edge_sources[-1] == source
        edge_rows = lakes.edges(lake, False)
        assert edge_rows == weigh_baskets(lake, configuration.load_config(None, all_keys))
        case = Case((), counted, min_frequency=min_frequency)
        lakes.assert_same(edge_rows, expected_edges(counted, case))


def test_a_mid_size_pairs_table_equals_the_product_of_the_matrix(
    spark: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A^T A of 250,000 interactions with a heavy tail, by scipy; the estimate of so few pairs is exact."""
    rng = np.random.default_rng(12)
    users, items = rng.integers(0, 6000, 250_000), (2000 * rng.random(250_000) ** 2.5).astype(np.int64)
    rows = zip(users.tolist(), items.tolist(), [None] * len(users), strict=True)
    lake = lakes.interactions(lakes.write(rows, tmp_path / "rows.parquet"), tmp_path / "lake")
    for name in ("baskets", "pairs"):
        keys = ("pairs.write_table=true", "pairs.blocks=3", "pairs.tasks=5", "pairs.counter_columns=1500")
        assert lakes.run(name, lake, *keys) == 0
    index = np.argsort(np.array(lakes.names(lake)))  # the items are 0..1999
    A = sparse.csr_array((np.ones(len(users), np.int64), (users, index[items])))
    A.data[:] = 1  # scipy sums duplicates
    product = sparse.triu(A.T @ A, 1).tocsr()
    table = pq.read_table(lake / "pairs")
    ends = tuple(table[name].to_numpy() for name in ("src", "dst"))
    assert len(set(zip(*ends, strict=True))) == table.num_rows == product.nnz > 10**5
    assert (sparse.csr_array((table["frequency"].to_numpy(), ends), product.shape) != product).nnz == 0
    assert table["support"].to_pylist() == table["frequency"].to_pylist()
    assert f"about {table.num_rows:,} pairs before the cut" in capsys.readouterr().out


def test_similar_ids_of_text_and_of_longs_are_distinct(spark: Any, tmp_path: Path) -> None:
    """From CSV: users that are equal as doubles, items such as 7 and 007."""
    items = {item: f"{item - lakes.FIRST:0{1 + item % 3}}" for _, item, _ in ROWS}
    users = {user: lakes.FIRST + at for at, user in enumerate(sorted({user for user, _, _ in ROWS}))}
    rows = [(users[user], items[item], time) for user, item, time in lakes.rows_of_forty_users()]
    rows += [(users["single"], "007", 1000), (users["single"], "7", 1000), (users["all"], "007", 1000)]
    lake = lakes.interactions(lakes.write(rows, tmp_path / "rows.csv"), tmp_path / "lake")
    keys = ("pairs.blocks=3", "pairs.mode=sequence", "edges.min_frequency=2")
    for name in ("baskets", "pairs", "edges"):
        assert lakes.run(name, lake, *keys) == 0
    counted = brute.PairCounter(brute.drop_untimed(brute.group_by_user(rows)), directed=True)
    lakes.assert_same(lakes.edges(lake, True), expected_edges(counted, Case((), counted, min_frequency=2)))
