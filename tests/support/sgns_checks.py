"""Run by test_sgns_triton.py in a process of its own: the fused step against the plain one, on the device there is.

Without a CUDA device it is Triton's interpreter (TRITON_INTERPRET=1, which must be set before triton is imported).
"""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from support import tiles as given
from support.tiles import RAGGED
from walkgram.kernels.sgns import torch_step, triton_step

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
Pair = tuple[Tensor, Tensor]


def fused(batch: given.Made, tables: Pair, rate: float, **more: Any) -> tuple[Tensor, Pair]:
    """(loss and weight, additions of one step with `out`); with out=None the tables move in place."""
    arrays = (batch.walks.astype(np.int32), batch.lengths, batch.negative.astype(np.int32))
    on = triton_step.TritonBatch(*(torch.from_numpy(a).to(DEVICE) for a in arrays))
    slots = torch.full((len(tables[0]),), 12345, dtype=torch.int32, device=DEVICE)
    options: dict[str, Any] = {"out": tuple(torch.zeros_like(t, dtype=torch.float32) for t in tables), "precision": "ieee"}
    options |= more
    weights = torch.from_numpy(batch.weights).to(DEVICE)
    totals = triton_step.step_batch(tables, on, weights, batch.tile, 5, rate, slots, **options)
    return totals.cpu(), options["out"]


def plainly(batch: given.Made, tables: Pair, rate: float) -> tuple[list[float], Pair]:
    """The same of the plain path in float64."""
    before = [t.cpu().double() for t in tables]
    after = [t.clone() for t in before]
    found = torch_step.step_batch(
        after[0], after[1], given.places(batch), 5, rate, torch.zeros(len(after[0]), dtype=torch.float64)
    )
    return [float(f) for f in found], (after[0] - before[0], after[1] - before[1])


def on_device(n: int, dim: int, dtype: torch.dtype, scale: float = 0.5) -> Pair:
    first, second = given.tables(n, dim, scale, dtype)
    return first.to(DEVICE), second.to(DEVICE)


def agree(batch: given.Made, tables: Pair, rate: float, tolerance: float = 1e-5, **more: Any) -> None:
    """Additions, loss and weight of both paths."""
    totals, additions = fused(batch, tables, rate, **more)
    wanted, expected = plainly(batch, tables, rate)
    assert totals.tolist() == pytest.approx(wanted, rel=max(1e-5, tolerance))
    for got, right in zip(additions, expected, strict=True):
        scale = max(1e-30, float(right.abs().max()))
        torch.testing.assert_close(got.cpu().double() / scale, right / scale, rtol=0, atol=tolerance)


@pytest.mark.parametrize("rate", [0.001, 1.0])
def test_paces_are_those_of_the_plain_path(rate: float) -> None:
    batch, tables, pace = given.made(RAGGED, 3, 3, 16), on_device(6, 8, torch.float32), torch.ones(2, 6)
    got = pace.to(DEVICE)
    fused(batch, tables, rate, pace=got)
    wide = [t.cpu().double() for t in tables]
    torch_step.step_batch(wide[0], wide[1], given.places(batch), 5, rate, torch.zeros(6, dtype=torch.float64), pace)
    torch.testing.assert_close(got.cpu(), pace)
    assert (pace > 1).any()


@pytest.mark.parametrize("window", [1, 5, 10])
@pytest.mark.parametrize(("dim", "shared", "tile", "rate"), [(8, 1, 16, 1.0), (20, 5, 8, 0.001), (128, 20, 16, 1.0)])
def test_additions_are_those_of_the_plain_path(dim: int, shared: int, tile: int, rate: float, window: int) -> None:
    agree(given.made(RAGGED, window, shared, tile, pad=5), on_device(6, dim, torch.float32), rate)


@pytest.mark.parametrize(("longest", "window", "tile", "shared"), [(150, 64, 16, 70), (90, 40, 20, 3), (12, 3, 1, 0)])
def test_windows_wider_than_a_block_and_tiles_of_any_length(longest: int, window: int, tile: int, shared: int) -> None:
    walks = given.random_walks(1, 50, 2, longest)
    agree(given.made(walks, window, shared, tile, n=50, pad=5), on_device(50, 20, torch.float32), 0.05)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_precision_and_the_tables_of_production(dtype: torch.dtype) -> None:
    agree(given.made(RAGGED, 5, 5, 16, pad=5), on_device(6, 20, dtype), 0.05, 5e-3, precision="tf32")


def test_walks_of_one_node_move_nothing() -> None:
    totals, additions = fused(given.made([[4], [2]], 5, 5, 16), on_device(6, 8, torch.float32), 1.0)
    assert totals.tolist() == [0, 0]
    assert not any(a.any() for a in additions)


def test_negatives_for_too_few_tiles_are_refused() -> None:
    batch = given.made(RAGGED, 5, 5, 16)
    with pytest.raises(ValueError, match="negatives for 2 tiles of 16, walks of up to 42"):
        fused(batch._replace(negative=batch.negative[:, :2]), on_device(6, 8, torch.float32), 1.0)


def test_in_place_the_tables_take_the_additions() -> None:
    """Though rows are met many times: every gradient is of the tables before the step."""
    tables, batch = on_device(6, 20, torch.float32), given.made(RAGGED, 3, 3, 16)
    expected = [t + more for t, more in zip(tables, fused(batch, tables, 0.5)[1], strict=True)]
    fused(batch, tables, 0.5, out=None)
    torch.testing.assert_close(list(tables), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("rate", "dtype"), [(1.0, torch.float32), (0.1, torch.bfloat16)])
def test_a_hub_stays_finite_and_the_loss_falls(rate: float, dtype: torch.dtype) -> None:
    tables, batch = on_device(6, 8, dtype, 0.1), given.made([[0, 1] * 8, [0, 2, 0, 3, 0, 4]], 5, 5, 16)
    lost = [float(fused(batch, tables, rate, out=None, seed=s)[0][0]) for s in range(15)]
    assert np.isfinite(lost).all()
    assert max(lost[5:]) < lost[0]
    assert lost[-1] < 0.8 * lost[0]


def unit(values: Tensor) -> Tensor:
    """The unit in the last place of bfloat16."""
    return torch.exp2(torch.floor(torch.log2(values.abs().clamp(min=1e-30))) - 7)


def copies(count: int) -> given.Made:
    """The same walk, a row of it twice, and negatives, over rows of its own each time: nine rows a copy."""
    batch = given.made([[9 * w + i for i in [0, 1, 2, 0, 3, 4, 5]] for w in range(count)], 3, 3, 16)
    return batch._replace(negative=(9 * np.arange(count)[:, None] + 6 + np.arange(3))[:, None, :])


def test_bfloat16_rounds_within_a_unit_and_is_right_on_average() -> None:
    """Copies of the same walk and rows: as many draws of the same additions."""
    count, one = 25, on_device(9, 16, torch.bfloat16)
    exact = fused(copies(1), one, 1e-4)[1]
    tables = (one[0].repeat(count, 1), one[1].repeat(count, 1))
    fused(copies(count), tables, 1e-4, out=None, seed=7)
    for start, new, exactly in zip(one, tables, exact, strict=True):
        old, more = (t.cpu().double().repeat(count, 1) for t in (start, exactly))
        moved, step = new.cpu().double() - old, torch.maximum(unit(old), unit(old + more))
        assert bool(((moved - more).abs() < step * 1.001).all())
        small = (more.abs() < unit(old) / 4) & (more != 0)  # nearest rounding would lose each of these
        share = (more.abs() / step)[small]
        error, spread = float(((moved - more) * more.sign() / step)[small].sum()), float((share * (1 - share)).sum().sqrt())
        assert abs(error) < 4 * spread
        assert float(share.sum()) > 8 * spread  # what nearest rounding would be off by


def test_rounding_is_a_function_of_the_seed() -> None:
    first, again, other = (on_device(9, 16, torch.bfloat16) for _ in range(3))
    for tables, seed in ((first, 7), (again, 7), (other, 8)):
        fused(copies(1), tables, 1e-4, out=None, seed=seed)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))
