"""The Triton step against the plain one: run by test_triton_step.py in its own process, on the device there is.

Without a CUDA device it is Triton's interpreter (TRITON_INTERPRET=1, which must be set before triton is imported).
"""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from support import sgns_batches
from support.sgns_batches import RAGGED, PaddedWalks, make_batch
from walkgram.kernels.sgns import torch_step, triton_step

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
Pair = tuple[Tensor, Tensor]


def triton_update(
    batch: PaddedWalks, tables: Pair, learning_rate: float, *, precision: str = "ieee", **options: Any
) -> tuple[Tensor, Pair]:
    """Return (loss and weight, additions of one step with `out`); with out=None the tables move in place."""
    arrays = (batch.walks.astype(np.int32), batch.lengths, batch.negative_rows.astype(np.int32))
    on_device = triton_step.TritonBatch(*(torch.from_numpy(a).to(DEVICE) for a in arrays))
    slots = torch.full((len(tables[0]),), 12345, dtype=torch.int32, device=DEVICE)
    options = {"out": tuple(torch.zeros_like(t, dtype=torch.float32) for t in tables)} | options
    weights = torch.from_numpy(batch.distance_weights).to(DEVICE)
    params = triton_step.TritonParams(weights, batch.tile_size, 5, precision)
    totals = triton_step.step_batch(tables, on_device, params, learning_rate, slots, **options)
    return totals.cpu(), options["out"]


def torch_update(batch: PaddedWalks, tables: Pair, learning_rate: float) -> tuple[list[float], Pair]:
    """Return (loss and weight, additions) of the plain step in float64."""
    before = [t.cpu().double() for t in tables]
    after, scratch = [t.clone() for t in before], torch.zeros(len(before[0]), dtype=torch.float64)
    totals = torch_step.step_batch(after[0], after[1], sgns_batches.tile_indices(batch), 5, learning_rate, scratch)
    return [float(total) for total in totals], (after[0] - before[0], after[1] - before[1])


def device_tables(n: int, dim: int, dtype: torch.dtype, scale: float = 0.5) -> Pair:
    vector, context = sgns_batches.random_tables(n, dim, scale, dtype)
    return vector.to(DEVICE), context.to(DEVICE)


def assert_steps_agree(
    batch: PaddedWalks, tables: Pair, learning_rate: float, tolerance: float = 1e-5, precision: str = "ieee"
) -> None:
    """Compare additions, loss and weight of both steps."""
    totals, additions = triton_update(batch, tables, learning_rate, precision=precision)
    expected_totals, expected_additions = torch_update(batch, tables, learning_rate)
    assert totals.tolist() == pytest.approx(expected_totals, rel=max(1e-5, tolerance))
    for addition, expected in zip(additions, expected_additions, strict=True):
        scale = max(1e-30, float(expected.abs().max()))
        torch.testing.assert_close(addition.cpu().double() / scale, expected / scale, rtol=0, atol=tolerance)


@pytest.mark.parametrize("rate", [0.001, 1.0])
def test_step_curvature_equals_that_of_the_plain_step(rate: float) -> None:
    batch, tables = make_batch(RAGGED, 3, 3, 16), device_tables(6, 8, torch.float32)
    expected = torch.ones(2, 6)
    step_curvature = expected.to(DEVICE, copy=True)
    triton_update(batch, tables, rate, step_curvature=step_curvature)
    vector, context = (t.cpu().double() for t in tables)
    scratch = torch.zeros(6, dtype=torch.float64)
    torch_step.step_batch(vector, context, sgns_batches.tile_indices(batch), 5, rate, scratch, expected)
    torch.testing.assert_close(step_curvature.cpu(), expected)
    assert (expected > 1).any()


@pytest.mark.parametrize("window", [1, 5, 10])
@pytest.mark.parametrize(("dim", "shared", "tile", "rate"), [(8, 1, 16, 1.0), (20, 5, 8, 0.001), (128, 20, 16, 1.0)])
def test_additions_equal_those_of_the_plain_step(dim: int, shared: int, tile: int, rate: float, window: int) -> None:
    assert_steps_agree(make_batch(RAGGED, window, shared, tile, pad=5), device_tables(6, dim, torch.float32), rate)


@pytest.mark.parametrize(("longest", "window", "tile", "shared"), [(150, 64, 16, 70), (90, 40, 20, 3), (12, 3, 1, 0)])
def test_windows_wider_than_a_block_and_tiles_of_any_length(longest: int, window: int, tile: int, shared: int) -> None:
    walks = sgns_batches.random_walks(1, 50, 2, longest)
    assert_steps_agree(make_batch(walks, window, shared, tile, n=50, pad=5), device_tables(50, 20, torch.float32), 0.05)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_precision_and_tables_of_production(dtype: torch.dtype) -> None:
    assert_steps_agree(make_batch(RAGGED, 5, 5, 16, pad=5), device_tables(6, 20, dtype), 0.05, 5e-3, precision="tf32")


def test_walks_of_one_node_move_nothing() -> None:
    totals, additions = triton_update(make_batch([[4], [2]], 5, 5, 16), device_tables(6, 8, torch.float32), 1.0)
    assert totals.tolist() == [0, 0]
    assert not any(a.any() for a in additions)


def test_negatives_for_too_few_tiles_are_refused() -> None:
    batch = make_batch(RAGGED, 5, 5, 16)
    with pytest.raises(ValueError, match="negatives for 2 tiles of 16, walks of up to 42"):
        triton_update(batch._replace(negative_rows=batch.negative_rows[:, :2]), device_tables(6, 8, torch.float32), 1.0)


def test_in_place_the_tables_take_the_additions() -> None:
    """Rows occur many times, yet every gradient is taken at the tables before the step."""
    tables, batch = device_tables(6, 20, torch.float32), make_batch(RAGGED, 3, 3, 16)
    expected = [t + addition for t, addition in zip(tables, triton_update(batch, tables, 0.5)[1], strict=True)]
    triton_update(batch, tables, 0.5, out=None)
    torch.testing.assert_close(list(tables), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("rate", "dtype"), [(1.0, torch.float32), (0.1, torch.bfloat16)])
def test_a_hub_stays_finite_and_the_loss_falls(rate: float, dtype: torch.dtype) -> None:
    tables, batch = device_tables(6, 8, dtype, 0.1), make_batch([[0, 1] * 8, [0, 2, 0, 3, 0, 4]], 5, 5, 16)
    losses = [float(triton_update(batch, tables, rate, out=None, seed=s)[0][0]) for s in range(15)]
    assert np.isfinite(losses).all()
    assert max(losses[5:]) < losses[0]
    assert losses[-1] < 0.8 * losses[0]


def last_place_unit(values: Tensor) -> Tensor:
    """Return the unit in the last place of bfloat16."""
    return torch.exp2(torch.floor(torch.log2(values.abs().clamp(min=1e-30))) - 7)


def repeat_walk(count: int) -> PaddedWalks:
    """Return `count` copies of a walk with a repeated row, and of its negatives, each over nine rows of its own."""
    batch = make_batch([[9 * w + i for i in [0, 1, 2, 0, 3, 4, 5]] for w in range(count)], 3, 3, 16)
    return batch._replace(negative_rows=(9 * np.arange(count)[:, None] + 6 + np.arange(3))[:, None, :])


def test_bfloat16_rounds_within_a_unit_and_without_bias() -> None:
    """Copies of the same walk and rows: as many draws of the same additions."""
    count, tables = 25, device_tables(9, 16, torch.bfloat16)
    exact_additions = triton_update(repeat_walk(1), tables, 1e-4)[1]
    repeated = (tables[0].repeat(count, 1), tables[1].repeat(count, 1))
    triton_update(repeat_walk(count), repeated, 1e-4, out=None, seed=7)
    for table, updated, exact_addition in zip(tables, repeated, exact_additions, strict=True):
        old, exact = (t.cpu().double().repeat(count, 1) for t in (table, exact_addition))
        change = updated.cpu().double() - old
        unit = torch.maximum(last_place_unit(old), last_place_unit(old + exact))
        assert bool(((change - exact).abs() < unit * 1.001).all())
        is_small = (exact.abs() < last_place_unit(old) / 4) & (exact != 0)  # nearest rounding would lose each of these
        share = (exact.abs() / unit)[is_small]
        error = float(((change - exact) * exact.sign() / unit)[is_small].sum())
        deviation = float((share * (1 - share)).sum().sqrt())
        assert abs(error) < 4 * deviation
        assert float(share.sum()) > 8 * deviation  # the error of nearest rounding


def test_rounding_is_a_function_of_the_seed() -> None:
    first, again, other = (device_tables(9, 16, torch.bfloat16) for _ in range(3))
    for tables, seed in ((first, 7), (again, 7), (other, 8)):
        triton_update(repeat_walk(1), tables, 1e-4, out=None, seed=seed)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))
