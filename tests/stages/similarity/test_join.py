"""The similarity join: against brute force in numpy, for any blocks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import functions as F

from walkgram.config.schema import Neighbours
from walkgram.errors import ConfigError, InputError
from walkgram.lake.blocks import Blocks
from walkgram.stages.similarity.join import SimilarityJoin, join_similar
from walkgram.stages.similarity.neighbours import find_neighbours
from walkgram.stages.similarity.vectors import JoinSide, number_rows

EMBEDDINGS = "item_id string, vector array<float>, frequency long"
Hits = dict[str, list[tuple[str, float]]]  # left id -> (right id, score), best first


@dataclass
class Context:
    """The parts of a run that a join uses."""

    spark: Any
    folder: Path

    def tasks(self, count: int) -> Any:
        return self.spark.range(0, count, 1, max(1, count))

    def scratch(self, name: str) -> Blocks:
        return Blocks(str(self.folder / name), "test")


@pytest.fixture
def context(spark: Any, tmp_path: Path) -> Any:
    return Context(spark, tmp_path)


def make_side(spark: Any, name: str, vectors: dict[str, Any]) -> JoinSide:
    """Return a side whose rows are numbered by id."""
    frame = spark.createDataFrame(list(vectors.items())[::-1], "key string, vector array<float>")
    return JoinSide(name, number_rows(frame, "key", F.col("key").asc()), len(vectors))


def draw_vectors(prefix: str, n: int, seed: int, dim: int = 5) -> dict[str, list[float]]:
    """Draw vectors of small integers, so that many cosines are equal, of the ids PREFIX00.."""
    rows = np.random.default_rng(seed).integers(-2, 3, (n, dim))
    rows[:, 0] += 5  # none is all zeros
    return {f"{prefix}{k:02}": row.astype(float).tolist() for k, row in enumerate(rows)}


def collect_hits(frame: Any) -> Hits:
    """Return the rows of a join; assert the columns and that ranks count from 1."""
    assert frame.dtypes[2:] == [("rank", "int"), ("score", "float")]
    assert frame.columns[:2] == ["left_id", "right_id"]
    hits: Hits = {}
    for left_id, right_id, rank, score in frame.orderBy("left_id", "rank").collect():
        hits.setdefault(left_id, []).append((right_id, score))
        assert rank == len(hits[left_id])
    return hits


def brute_force(
    left: dict[str, Any],
    right: dict[str, Any],
    spec: SimilarityJoin,
    excluded: set[tuple[str, str]] = frozenset(),  # type: ignore[assignment]
) -> Hits:
    """Return the hits by the sort of all cosines, rounded: equal cosines differ in the last bits."""
    expected: Hits = {}
    for left_id, x in left.items():
        pairs = []
        for row, (right_id, y) in enumerate(right.items()):
            cosine = round(float(np.dot(x, y) / np.linalg.norm(x) / np.linalg.norm(y)), 5)
            if (left_id, right_id) in excluded or (spec.drop_equal_ids and left_id == right_id):
                continue
            if spec.threshold is None or cosine >= spec.threshold:
                pairs.append((-cosine, row, right_id))
        if pairs:
            expected[left_id] = [(right_id, -negative) for negative, _, right_id in sorted(pairs)[: spec.k]]
    return expected


def assert_equal_hits(hits: Hits, expected: Hits) -> None:
    """Assert equal scores at every rank, and equal ids among the hits of each score but the last, which k may cut."""
    assert hits.keys() == expected.keys()
    for left_id, pairs in expected.items():
        np.testing.assert_allclose([s for _, s in hits[left_id]], [s for _, s in pairs], atol=2e-5)
        by_score: dict[float, set[str]] = {}
        for right_id, score in pairs:
            by_score.setdefault(score, set()).add(right_id)
        last = pairs[-1][1]
        for score, ids in by_score.items():
            if score != last:
                assert {right_id for right_id, s in hits[left_id] if abs(s - score) < 2e-5} == ids


@pytest.mark.parametrize(("k", "threshold", "block_rows"), [(3, None, 4), (None, 0.85, 100), (50, 0.2, 5)])
def test_a_join_of_two_tables_equals_brute_force(context: Any, k: int | None, threshold: float | None, block_rows: int) -> None:
    left, right = draw_vectors("l", 11, seed=1), draw_vectors("r", 14, seed=2)
    spec = SimilarityJoin(k=k, threshold=threshold, block_rows=block_rows)
    joined = join_similar(context, spec, make_side(context.spark, "users", left), make_side(context.spark, "items", right))
    assert_equal_hits(collect_hits(joined), brute_force(left, right, spec))


def test_ties_are_ranked_by_the_lower_right_row(context: Any) -> None:
    """Rows are numbered by id; all right vectors but one have the same direction, and so exactly the same unit vector."""
    right = {f"r{k}": [2.0**k, 0.0] for k in range(9)} | {"r4": [0.0, 1.0]}
    sides = make_side(context.spark, "left", {"l": [1.0, 0.0]}), make_side(context.spark, "right", right)
    for limits in ({"k": 4}, {"threshold": 0.5}):
        context.folder = context.folder / "next"
        hits = collect_hits(join_similar(context, SimilarityJoin(**limits, block_rows=2), *sides))  # type: ignore[arg-type]
        ids = ["r0", "r1", "r2", "r3", "r5", "r6", "r7", "r8"]
        assert hits == {"l": [(right_id, 1.0) for right_id in ids[: limits.get("k")]]}


@pytest.mark.parametrize(("drop_equal_ids", "k", "threshold"), [(True, 2, None), (True, None, 0.7), (False, 2, 0.9)])
def test_equal_ids_of_two_tables(context: Any, drop_equal_ids: bool, k: int | None, threshold: float | None) -> None:
    """The right table has half of the left one's ids, at other rows."""
    left = draw_vectors("i", 10, seed=3)
    right = {f"a{k}": vector for k, vector in enumerate(draw_vectors("a", 3, seed=4).values())}
    right |= {key: vector for key, vector in left.items() if int(key[1:]) % 2}
    spec = SimilarityJoin(k=k, threshold=threshold, drop_equal_ids=drop_equal_ids, block_rows=3)
    joined = join_similar(context, spec, make_side(context.spark, "left", left), make_side(context.spark, "right", right))
    hits = collect_hits(joined)
    assert_equal_hits(hits, brute_force(left, right, spec))
    assert any(left_id == right_id for left_id, pairs in hits.items() for right_id, _ in pairs) != drop_equal_ids


def test_a_self_join_that_keeps_equal_ids(context: Any) -> None:
    vectors = draw_vectors("i", 9, seed=5)
    spec = SimilarityJoin(k=4, drop_equal_ids=False, block_rows=4)
    hits = collect_hits(join_similar(context, spec, make_side(context.spark, "items", vectors)))
    assert_equal_hits(hits, brute_force(vectors, vectors, spec))


@pytest.mark.parametrize(("is_self_join", "k", "threshold"), [(True, 3, None), (False, None, 0.8)])
def test_excluded_pairs_never_match(context: Any, is_self_join: bool, k: int | None, threshold: float | None) -> None:
    """Most pairs are excluded, some twice, some in one direction, one row's altogether; unknown ids change nothing."""
    left = draw_vectors("i", 13, seed=6)
    right = left if is_self_join else draw_vectors("i", 17, seed=7)
    rng = np.random.default_rng(8)
    excluded = {(a, b) for a in left for b in right if rng.random() < 0.6 or a == "i03"}
    rows = [*excluded, *list(excluded)[:5], ("i01", "unknown"), ("unknown", "i01")]
    frame = context.spark.createDataFrame(rows, "left_id string, right_id string").repartition(3)
    sides = [make_side(context.spark, "left", left)] + [make_side(context.spark, "right", right)] * (not is_self_join)
    spec = SimilarityJoin(k=k, threshold=threshold, block_rows=5)
    hits = collect_hits(join_similar(context, spec, *sides, excluded=frame))
    assert_equal_hits(hits, brute_force(left, right, spec, excluded))
    assert not {(a, b) for a, pairs in hits.items() for b, _ in pairs} & excluded
    assert "i03" not in hits
    assert len(hits) > 6


@pytest.mark.parametrize(("n_left", "n_right", "limits"), [(0, 4, {"k": 2}), (4, 0, {"threshold": 0.0}), (0, 0, {"k": 2})])
def test_empty_sides_give_no_rows(context: Any, n_left: int, n_right: int, limits: dict[str, Any]) -> None:
    sides = [make_side(context.spark, name, draw_vectors("i", n, seed=9)) for name, n in (("a", n_left), ("b", n_right))]
    assert collect_hits(join_similar(context, SimilarityJoin(**limits), *sides)) == {}


def test_ids_keep_their_types(context: Any) -> None:
    left = context.spark.createDataFrame([(2**40, [1.0, 0.0])], "key long, vector array<float>")
    sides = JoinSide("left", number_rows(left, "key", F.col("key")), 1), make_side(context.spark, "right", {"r": [1.0, 1.0]})
    excluded = context.spark.createDataFrame([(2**40 + 1, "r")], "left_id long, right_id string")
    spec = SimilarityJoin(k=1, drop_equal_ids=False)
    row = join_similar(context, spec, *sides, excluded=excluded).collect()
    assert [tuple(r) for r in row] == [(2**40, "r", 1, pytest.approx(0.5**0.5))]


@pytest.mark.parametrize(("bad", "is_left"), [(float("nan"), True), (float("inf"), False), (None, True)])
def test_values_that_are_not_finite_are_refused(context: Any, bad: float | None, is_left: bool) -> None:
    good, other = draw_vectors("i", 7, seed=10), draw_vectors("i", 7, seed=11)
    other |= {"i04": [1.0, bad, 1.0, 1.0, 1.0], "i06": [bad] * 5}  # type: ignore[dict-item, list-item]
    sides = [make_side(context.spark, "good", good), make_side(context.spark, "bad", other)][:: -1 if is_left else 1]
    with pytest.raises(InputError, match=r"bad: 2 vectors have a value that is NaN or infinite, such as that of 'i04'"):
        join_similar(context, SimilarityJoin(k=1, block_rows=3), *sides)


@pytest.mark.parametrize("empty", [[], None])
def test_empty_and_null_vectors_are_refused(context: Any, empty: Any) -> None:
    side = make_side(context.spark, "items", {"a": [1.0], "b": empty})
    with pytest.raises(InputError, match="items has an empty vector"):
        join_similar(context, SimilarityJoin(k=1), side)


@pytest.mark.parametrize("block_rows", [1, 10])
def test_vectors_of_several_lengths_are_refused(context: Any, block_rows: int) -> None:
    side = make_side(context.spark, "items", {"a": [1.0], "b": [1.0, 2.0]})
    with pytest.raises(InputError, match="items has vectors of several lengths, 1 to 2"):
        join_similar(context, SimilarityJoin(k=1, block_rows=block_rows), side)
    sides = [make_side(context.spark, name, {"a": vector}) for name, vector in (("left", [1.0]), ("right", [1.0, 2.0]))]
    context.folder = context.folder / "next"
    with pytest.raises(InputError, match="left has vectors of length 1, right of 2"):
        join_similar(context, SimilarityJoin(k=1, block_rows=block_rows), *sides)


def test_another_number_of_rows_is_an_error(context: Any) -> None:
    side = make_side(context.spark, "items", draw_vectors("i", 4, seed=12))
    with pytest.raises(ValueError, match="items has 4 rows, not 3"):
        join_similar(context, SimilarityJoin(k=1), JoinSide("items", side.rows, 3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "needs k, a threshold, or both"),
        ({"k": 0}, "k = 0"),
        ({"threshold": float("nan")}, "finite"),
        ({"threshold": 1e39}, "finite"),
        ({"k": 1, "block_rows": 0}, "block_rows"),
        ({"k": 1, "metric": "cosin"}, "unknown metric 'cosin': choose one of cosine"),
    ],
)
def test_a_definition_that_makes_no_join_is_an_error(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SimilarityJoin(**arguments)


@pytest.mark.parametrize("n, block_rows, k", [(23, 5, 4), (23, 100, 4), (4, 2, 10), (7, 1, 3)])
def test_neighbours_equal_brute_force_for_any_blocks(context: Any, n: int, block_rows: int, k: int) -> None:
    """Items i00.. are listed by falling frequency, so that row = number."""
    vectors = np.random.default_rng(0).normal(size=(n, 5)).astype(np.float32)
    rows = [(f"i{i:02}", vectors[i].tolist(), 1000 - i) for i in range(n)]
    frame = context.spark.createDataFrame(rows[::-1], EMBEDDINGS)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = unit @ unit.T
    table = find_neighbours(context, frame, n, Neighbours(k=k, block_rows=block_rows))
    assert table.columns == ["item_id", "neighbour_id", "rank", "score"]
    hits: dict[str, list[Any]] = {}
    for row in table.orderBy("item_id", "rank").collect():
        hits.setdefault(row["item_id"], []).append(row)
    for i in range(n):
        best = sorted((j for j in range(n) if j != i), key=lambda j: -scores[i, j])[:k]
        assert [row["neighbour_id"] for row in hits[f"i{i:02}"]] == [f"i{j:02}" for j in best]
        assert [row["rank"] for row in hits[f"i{i:02}"]] == list(range(1, len(best) + 1))
        assert np.allclose([row["score"] for row in hits[f"i{i:02}"]], scores[i, best], atol=1e-5)


def test_equal_neighbours_are_ranked_by_frequency_then_id(context: Any) -> None:
    rows = [("a", [1.0, 0.0], 5), ("b", [1.0, 0.0], 9), ("c", [1.0, 0.0], 5), ("d", [1.0, 0.0], 1)]
    table = find_neighbours(context, context.spark.createDataFrame(rows, EMBEDDINGS), 4, Neighbours(k=3, block_rows=2))
    hits = {tuple(row)[:3] for row in table.collect()}
    assert {name for item, name, rank in hits if item == "d" and rank == 1} == {"b"}
    assert {(item, name) for item, name, rank in hits if rank == 3} == {("a", "d"), ("b", "d"), ("c", "d"), ("d", "c")}
