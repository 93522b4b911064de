"""The fused kernel against plain loops in float64: every tile's step, its bound, its negatives, subsampling, bad values."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from walkgram import rng
from walkgram.kernels.sgns import cpu, cpu_tile, negatives, simd, tiles

N = 9
RAGGED = [
    [0, 1, 2, 1, 3, 8, 4],
    [4],
    [2, 2, 0],
    [3, 4, 3, 4, 3, 4, 3, 4, 3],
    [5, 6],
    [],
    [7, 0, 7, 1, 5, 5, 2, 6, 8, 3, 1, 0, 2],
]
KEYS = (11, 12)


def sigmoid(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))


def drawn(law: cpu.SgnsParams, walk_id: int, tile: int) -> list[int]:
    """The negatives of a tile, by the kernel's own draw."""
    places = np.zeros(law.shared, np.int64)
    cpu_tile.draw_tile_negatives(places, 0, law.shared, law.slots, np.uint64(rng.derive_stream(KEYS[0], walk_id)), tile)
    return places.tolist()


def looped(
    tables: tuple[NDArray[np.float64], NDArray[np.float64]], walks: Sequence[tuple[int, list[int]]], law: cpu.SgnsParams,
    rate: float, paces: Any = ((), ()),
) -> float:  # fmt: skip
    """Move the tables tile by tile, pair by pair; the loss of all tiles, each taken before its step; paces where asked."""
    window, loss = len(law.weights) // 2, 0.0
    for walk_id, walk in walks:
        for tile, a in enumerate(range(0, len(walk), law.tile) if len(walk) > 1 else ()):
            noise = drawn(law, walk_id, tile)
            up, bend = tuple(np.zeros_like(t) for t in tables), tuple(np.zeros(len(t)) for t in tables)
            for i in range(a, min(len(walk), a + law.tile)):
                x, near = tables[0][walk[i]], [j for j in range(len(walk)) if 0 < abs(i - j) <= window]
                whole = sum(float(law.weights[window + j - i]) for j in near)
                pairs = [(walk[j], float(law.weights[window + j - i]), 1.0) for j in near]
                pairs += [(row, whole * float(law.each), -1.0) for row in noise]
                for row, weight, sign in pairs:
                    c = tables[1][row]
                    pull = sign * weight * sigmoid(-sign * float(x @ c))
                    loss -= weight * np.log(sigmoid(sign * float(x @ c)))
                    up[0][walk[i]] += pull * c
                    up[1][row] += pull * x
                    bend[0][walk[i]] += weight * c @ c / 4
                    bend[1][row] += weight * x @ x / 4
            for table, direction, curvature, pace in zip(tables, up, bend, paces, strict=True):
                allowed = rate / np.maximum(1, curvature * rate / 2)
                table += direction * allowed[:, None]
                if len(pace):
                    pace += allowed * curvature
    return loss


def law_of(window: int, tile: int, shared: int, times: float = 5.0, dynamic: bool = True) -> cpu.SgnsParams:
    slots = negatives.build_unigram_table(np.arange(1, N + 1), 0.75).slots
    return cpu.make_sgns_params(
        tiles.compute_window_weights(window, dynamic), tile, shared, times, slots, np.ones(N, np.float32)
    )


def run(
    tables: tuple[NDArray[np.float32], NDArray[np.float32]], walks: Sequence[tuple[int, list[int]]], law: cpu.SgnsParams,
    rate: float, every: int = 1, paces: Any = None,
) -> tuple[float, float, int, int]:  # fmt: skip
    lengths = np.array([len(walk) for _, walk in walks], np.int64)
    values = np.array([row for _, walk in walks for row in walk], np.int32)
    ids = np.array([i for i, _ in walks], np.int64)
    room = cpu.make_workspace(law, *tables[0].shape, paces is not None)
    found = cpu.train_walks(*tables, values, np.cumsum(lengths) - lengths, lengths, ids, law, KEYS, (rate, rate), every, room)
    assert not room.curved.any()
    if paces is not None:
        paces[:] = room.pace
    return found


def spread(dim: int, scale: float = 1.0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(3)
    return tuple((rng.normal(size=(N, dim)) * scale / dim**0.5).astype(np.float32) for _ in range(2))  # type: ignore[return-value]


@pytest.mark.parametrize("dim", [1, 7, 16, 50, 100, 128, 200])
@pytest.mark.parametrize(("window", "tile", "shared"), [(1, 1, 1), (2, 4, 3), (10, 8, 32), (3, 100, 13), (40, 2, 9)])
def test_tables_move_as_the_loops_move_them(dim: int, window: int, tile: int, shared: int) -> None:
    walks, law, moved = list(enumerate(RAGGED)), law_of(window, tile, shared), spread(dim, 1.5)
    exact = tuple(table.astype(np.float64) for table in moved)
    looped(exact, walks, law, 0.05)  # type: ignore[arg-type]
    _, _, tokens, wrong = run(moved, walks, law, 0.05)
    assert (tokens, wrong) == (sum(map(len, RAGGED)), -1)
    for table, other in zip(moved, exact, strict=True):
        np.testing.assert_allclose(table, other, rtol=0, atol=2e-5)


@pytest.mark.parametrize("rate", [0.5, 5.0])
def test_the_bound_and_the_paces_are_those_of_the_loops(rate: float) -> None:
    walks, law, moved = [(4, [3, 4] * 8), (9, [0, *range(1, 9), 0, 1, 0, 2])], law_of(5, 8, 4), spread(20, 3.0)
    exact = tuple(table.astype(np.float64) for table in moved)
    paces, expected = np.zeros((2, N)), np.zeros((2, N))
    looped(exact, walks, law, rate, expected)  # type: ignore[arg-type]
    run(moved, walks, law, rate, paces=paces)
    np.testing.assert_allclose(paces, expected, rtol=1e-3)
    for table, other in zip(moved, exact, strict=True):
        np.testing.assert_allclose(table, other, rtol=1e-3, atol=1e-3)


def test_the_loss_of_walks_of_one_tile_is_that_of_the_loops() -> None:
    walks, law, moved = [(i, walk) for i, walk in enumerate(RAGGED) if len(walk) > 1], law_of(3, 16, 6), spread(12)
    exact = tuple(table.astype(np.float64) for table in moved)
    loss = looped(exact, walks, law, 0.0)  # type: ignore[arg-type]
    found, weight, _, _ = run(moved, walks, law, 0.0)
    assert found == pytest.approx(loss, rel=1e-5)
    contexts = sum(
        float(law.weights[3 + j - i]) for _, w in walks for i in range(len(w)) for j in range(len(w)) if abs(i - j) < 4
    )
    assert weight == pytest.approx(contexts, rel=1e-6)


@pytest.mark.parametrize("walk", [[], [4]])
def test_a_walk_without_a_pair_moves_nothing(walk: list[int]) -> None:
    moved, before = spread(16), spread(16)
    assert run(moved, [(0, walk)], law_of(3, 8, 4), 0.1) == (0.0, 0.0, len(walk), -1)
    assert all((a == b).all() for a, b in zip(moved, before, strict=True))


def test_without_negatives_only_contexts_pull() -> None:
    law, moved = law_of(3, 8, 4, times=0.0), spread(16)
    exact = tuple(table.astype(np.float64) for table in moved)
    looped(exact, [(0, RAGGED[0])], law, 0.1)  # type: ignore[arg-type]
    run(moved, [(0, RAGGED[0])], law, 0.1)
    np.testing.assert_allclose(moved[0], exact[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("table", [0, 1])
def test_the_first_walk_with_a_row_that_is_not_finite_is_named_and_nothing_more_is_moved(bad: float, table: int) -> None:
    moved = spread(16)
    moved[table][6, 3] = bad
    after = [t.copy() for t in moved]
    law = law_of(3, 8, 4)._replace(slots=negatives.build_unigram_table(np.array([1, 1, 1, 1, 1, 1, 0, 1, 1]), 0.75).slots)
    assert run(moved, [(7, [5, 6, 6, 1]), (8, [0, 1])], law, 0.1)[3] == 0
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(moved, after, strict=True))


def test_negatives_follow_the_counts_to_the_power_and_differ_by_tile_and_walk() -> None:
    law = law_of(3, 8, 32)
    rows = [drawn(law, walk, tile) for walk in range(400) for tile in range(5)]
    assert len({tuple(row) for row in rows}) == len(rows)
    found = np.bincount(np.concatenate(rows), minlength=N)
    expected = np.arange(1, N + 1) ** 0.75
    expected *= found.sum() / expected.sum()
    assert float(((found - expected) ** 2 / expected).sum()) < 26.1  # chi-square, 8 degrees of freedom, 0.1%


def test_subsampling_keeps_tokens_by_their_probability_and_a_walk_is_what_is_left() -> None:
    keep = np.ones(N, np.float32)
    keep[0], keep[1] = 0.0, 0.5
    moved, exact = spread(16), spread(16)
    law = law_of(2, 8, 4)
    thinned = [0, 2, 0, 3, 0, 4, 5, 0, 0]
    run(moved, [(3, thinned)], law._replace(keep=keep), 0.1)
    run(exact, [(3, [2, 3, 4, 5])], law, 0.1)
    assert all((a == b).all() for a, b in zip(moved, exact, strict=True))
    lengths = []
    for walk_id in range(300):
        tables = spread(16)
        run(tables, [(walk_id, [1] * 20 + [2] * 2)], law._replace(keep=keep, shared=0, tile=64), 0.1)
        lengths.append(float(np.abs(tables[0] - spread(16)[0])[1].sum()))
    assert len(set(lengths)) > 6


def test_the_sigmoid_is_exact_enough_and_safe_at_any_size() -> None:
    x = np.concatenate([np.linspace(-25, 25, 20_001), [-1e30, 1e30]]).astype(np.float32)
    found = np.array([cpu_tile.sigmoid.py_func(value) for value in x], np.float64)
    with np.errstate(over="ignore"):
        exact = 1 / (1 + np.exp(-x.astype(np.float64)))
    near = np.abs(x) < 10
    np.testing.assert_allclose(found[near], exact[near], rtol=1e-5)
    np.testing.assert_allclose(found[:-2], exact[:-2], rtol=1e-4)
    assert found[-2] < 1e-12
    assert found[-1] == 1.0


@pytest.mark.parametrize("rows", [1, 3, 4, 7, 8, 13, 40])
@pytest.mark.parametrize("dim", [1, 16, 17, 64, 80, 128, 300])
def test_products_of_rows_equal_numpy(rows: int, dim: int) -> None:
    rng = np.random.default_rng(rows * dim)
    a, b = simd.allocate_aligned(2, simd.pad_dim(dim)), simd.allocate_aligned(rows + 2, simd.pad_dim(dim))
    assert a.ctypes.data % 64 == b.ctypes.data % 64 == 0
    a[:], b[:] = rng.normal(size=a.shape), rng.normal(size=b.shape)
    out, by = np.full(rows + 4, 7.0, np.float32), rng.normal(size=3 * rows + 2).astype(np.float32)
    simd.dot_rows(a, 1, b, 1, rows + 1, out, 2)
    np.testing.assert_allclose(out[2:-2], b[1:-1] @ a[1], rtol=0, atol=1e-4)
    assert out[[0, 1, -2, -1]].tolist() == [7.0] * 4
    expected = a[0] + by[1 : 1 + 3 * rows : 3] @ b[1:-1]
    simd.add_rows(a, 0, b, 1, rows + 1, by, 1, 3)
    np.testing.assert_allclose(a[0], expected, rtol=0, atol=1e-4)
