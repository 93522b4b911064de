"""Counter-based random numbers: against Python's integers, known answers, and statistics."""

import numpy as np
import pytest
from scipy import stats

from support import oracles
from walkgram import rng

BIG = 2**64 - 1


def draw_word(seed: int, key: int, step: int, attempt: int, draw: int) -> int:
    stream = np.uint64(rng.derive_stream(np.uint64(seed), np.uint64(key)))
    return int(rng.draw_bits(stream, step, attempt, draw))


def test_mix_gives_the_published_first_outputs_of_splitmix64() -> None:
    assert int(rng.mix_bits(np.uint64(oracles.GAMMA))) == 0xE220A8397B1DCDAF
    assert int(rng.mix_bits(np.uint64(2 * oracles.GAMMA & BIG))) == 0x6E789E6AA1B965F4


@pytest.mark.parametrize("seed", [0, 7, 2**63 - 1])
@pytest.mark.parametrize("key", [0, 1, 2**40, 2**63 - 1])
def test_bits_are_those_of_integer_arithmetic(seed: int, key: int) -> None:
    for step, attempt, draw in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (2**24 - 1, 2**32 - 1, 255)]:
        assert draw_word(seed, key, step, attempt, draw) == oracles.word(seed, key, step, attempt, draw)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 2**31, 2**32 - 1])
def test_scale_is_the_high_half_of_the_product(n: int) -> None:
    words = [0, 1, 2**32 - 1, 2**32, 2**63, BIG, oracles.word(1, 2, 3, 4, 5)]
    assert [int(rng.scale_below(np.uint64(w), np.uint64(n))) for w in words] == [w * n >> 64 for w in words]


def test_unit_stays_below_one_and_reaches_zero() -> None:
    assert rng.to_unit(np.uint64(0)) == 0.0
    assert rng.to_unit(np.uint64(BIG)) == 1.0 - 2.0**-53
    assert rng.to_unit(np.uint64(2**63)) == 0.5


def test_arrays_hold_the_single_draws() -> None:
    assert rng.draw_bits_array(7, 3, 4, 2).tolist() == [oracles.word(7, 3, 0, i, 2) for i in range(4)]
    expected = [[(oracles.word(7, i, 0, j, 1) >> 11) / 2**53 for j in range(3)] for i in range(2)]
    assert rng.draw_unit_matrix(7, 2, 3, 1).tolist() == expected


def test_a_longer_array_begins_with_the_shorter_one() -> None:
    assert rng.draw_bits_array(7, 3, 1000, 0)[:10].tolist() == rng.draw_bits_array(7, 3, 10, 0).tolist()


@pytest.mark.parametrize("axis", ["seed", "key", "step", "attempt", "draw"])
def test_each_coordinate_alone_gives_uniform_uncorrelated_numbers(axis: str) -> None:
    coordinates = {"seed": 5, "key": 6, "step": 7, "attempt": 8, "draw": 9}
    numbers = np.array([draw_word(**{**coordinates, axis: i}) / 2**64 for i in range(256)])
    assert stats.kstest(numbers, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) < 0.25


def test_the_streams_of_neighbouring_keys_are_not_correlated() -> None:
    matrix = rng.draw_unit_matrix(7, 200, 500, 0)
    correlation = np.corrcoef(matrix) - np.eye(200)
    assert np.abs(correlation).max() < 0.25
    assert stats.kstest(matrix.ravel(), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("n", [0, 1, 2, 17])
def test_a_permutation_holds_every_number_once(n: int) -> None:
    assert sorted(rng.draw_permutation(7, 0, n).tolist()) == list(range(n))


def test_all_permutations_are_equally_likely() -> None:
    seen = np.zeros(24)
    order = {tuple(p): i for i, p in enumerate(sorted({tuple(rng.draw_permutation(7, k, 4)) for k in range(2000)}))}
    assert len(order) == 24
    for key in range(6000):
        seen[order[tuple(rng.draw_permutation(11, key, 4))]] += 1
    assert stats.chisquare(seen).pvalue > 1e-3


@pytest.mark.parametrize(("n", "buffer"), [(0, 4), (1, 4), (10, 1), (10, 4), (10, 10), (10, 99)])
def test_a_shuffle_buffer_emits_every_number_once(n: int, buffer: int) -> None:
    assert sorted(rng.draw_buffered_permutation(7, 1, n, buffer).tolist()) == list(range(n))


def test_a_shuffle_buffer_emits_no_number_before_it_is_in_the_buffer() -> None:
    out = rng.draw_buffered_permutation(7, 1, 1000, 50)
    assert (out - np.arange(1000) < 50).all()
    assert sorted(out.tolist()) == list(range(1000))
    assert (out != np.arange(1000)).any()
    assert rng.draw_buffered_permutation(7, 1, 20, 1).tolist() == list(range(20))


def test_a_shuffle_buffer_draws_its_positions_uniformly() -> None:
    first = np.array([rng.draw_buffered_permutation(7, key, 30, 10)[0] for key in range(4000)])
    last = np.array([rng.draw_buffered_permutation(7, key, 10, 10)[-1] for key in range(4000)])
    assert stats.chisquare(np.bincount(first, minlength=10)).pvalue > 1e-3
    assert stats.chisquare(np.bincount(last, minlength=10)).pvalue > 1e-3


def test_orders_depend_on_seed_and_key() -> None:
    orders = {tuple(rng.draw_permutation(seed, key, 30)) for seed in (1, 2) for key in (0, 1)}
    assert len(orders) == 4
    buffered = {tuple(rng.draw_buffered_permutation(seed, key, 30, 9)) for seed in (1, 2) for key in (0, 1)}
    assert len(buffered) == 4
