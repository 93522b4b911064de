"""The second order's part of a try: is the candidate accepted? By coin, edge filter, search, or the exact law."""

from typing import Any

import numpy as np

from walkgram import rng
from walkgram.kernels.graph import edge_filter
from walkgram.kernels.graph.csr import has_edge
from walkgram.kernels.jit import njit
from walkgram.kernels.prefetch import prefetch_address
from walkgram.kernels.walks.phases import EXACT, pack_counter
from walkgram.kernels.walks.transition import Biases

__all__ = [
    "draw_exact",
    "prefilter",
    "reject_by_adjacency",
    "return_probability",
    "row_weights",
    "sample_biased",
    "take_return_edge",
    "test_adjacency",
]

U64 = np.uint64
UNKNOWN = np.uint64(0xFFFFFFFFFFFFFFFF)  # the edge of a walker that went back without drawing it


@njit(nogil=True)
def take_return_edge(
    streams: Any, pending: Any, left: int, before: Any, fold: Any, shared: Any, drawn: Any, chosen: Any, edge: Any
) -> int:  # fmt: skip
    """Take the folded return edge, before any candidate is drawn; returns how many walkers are left in `pending`.

    A walker that goes back gets `chosen` = the node before and an unknown edge.
    """
    for k in range(left):
        drawn[k] = rng.mix_bits(streams[pending[k]] ^ shared)
    kept = 0
    for k in range(left):  # without branches: nobody can predict who goes back
        i = pending[k]
        goes = rng.to_unit(drawn[k]) < fold[i]
        chosen[i] = before[i] if goes else chosen[i]
        edge[i] = UNKNOWN if goes else edge[i]
        pending[kept] = i
        kept += 0 if goes else 1
    return kept


@njit(nogil=True)
def prefilter(
    streams: Any, pending: Any, left: int, before: Any, chosen: Any, bias: Biases, shared: Any, drawn: Any, asked: Any
) -> tuple[int, int]:
    """Settle what needs no adjacency. (rejected, questions): the rejected stay at the front of `pending`.

    `asked` lists the walkers whose candidate is accepted or not by whether it is a neighbour of the node before.
    """
    sure, most = min(bias.near, bias.far), max(bias.near, bias.far)
    for k in range(left):
        drawn[k] = rng.mix_bits(streams[pending[k]] ^ shared)
    rejected, questions = 0, 0
    for k in range(left):
        i = pending[k]
        coin = rng.to_unit(drawn[k])
        to_back = chosen[i] == before[i]
        open_question = (not to_back) & (coin >= sure) & (coin < most)
        refused = (to_back & (coin >= bias.back)) | ((not to_back) & (coin >= most))
        asked[questions] = i
        questions += 1 if open_question else 0
        pending[rejected] = i
        rejected += 1 if refused else 0
    return rejected, questions


@njit(nogil=True)
def test_adjacency(
    indptr: Any, indices: Any, words: Any, symmetric: bool, before: Any, chosen: Any, asked: Any, questions: int, keys: Any,
    near: Any, maybe: Any,
) -> None:  # fmt: skip
    """near[i] for every asked walker i: whether its candidate is a neighbour of the node before."""
    for k in range(questions):
        i = asked[k]
        keys[k] = edge_filter.hash_edge(before[i], chosen[i], symmetric)
        prefetch_address(words, edge_filter.locate_word(keys[k], len(words)))
    found = 0
    for k in range(questions):
        i = asked[k]
        near[i] = edge_filter.may_contain(words, keys[k])
        maybe[found] = i
        found += 1 if near[i] else 0
    if found > 0:
        search_rows(indptr, indices, before, chosen, maybe, found, near)


@njit(nogil=True)
def search_rows(indptr: Any, indices: Any, rows: Any, sought: Any, walkers: Any, count: int, found: Any) -> None:
    """found[i]: whether sought[i] is in the sorted, non-empty row of rows[i], for the first `count` walkers i."""
    place = np.empty(count, np.uint64)
    locate_edges(indptr, indices, rows, sought, walkers, count, place)
    for k in range(count):
        i = walkers[k]
        found[i] = indices[place[k]] == sought[i]


@njit(nogil=True)
def locate_edges(indptr: Any, indices: Any, rows: Any, sought: Any, walkers: Any, count: int, place: Any) -> None:
    """place[k]: the last edge of the k-th walker's row, or its first, that leads no further than sought.

    Binary searches in lockstep.
    """
    size = np.empty(count, np.uint64)
    longest = U64(0)
    for k in range(count):
        row = U64(rows[walkers[k]])
        place[k] = U64(indptr[row])
        size[k] = U64(indptr[row + U64(1)]) - place[k]
        longest = max(longest, size[k])
    while longest > U64(1):
        for k in range(count):
            half = size[k] >> U64(1)
            ahead = place[k] + half
            place[k] = ahead if indices[ahead] <= sought[walkers[k]] else place[k]
            size[k] -= half
        longest -= longest >> U64(1)


@njit(nogil=True)
def reject_by_adjacency(asked: Any, questions: int, near: Any, bias: Biases, pending: Any, rejected: int) -> int:
    """Add the asked walkers whose answer is the worse one to the rejected; returns how many there are then."""
    wanted = bias.near > bias.far
    for k in range(questions):
        i = asked[k]
        pending[rejected] = i
        rejected += 1 if near[i] != wanted else 0
    return rejected


@njit(nogil=True)
def return_probability(
    indptr: Any, indices: Any, back: Any, walkers: Any, count: int, at: Any, chosen: Any, edge: Any, bias: Biases,
    unknown: Any, place: Any, fold: Any,
) -> None:  # fmt: skip
    """fold[i] = e s / (M + e s) for the step at -> chosen, s the share of the edge back; an unknown edge is searched."""
    if len(back) > 0:
        searched = 0
        for k in range(count):
            i = walkers[k]
            prefetch_address(back, edge[i])
            unknown[searched] = i
            searched += 1 if edge[i] == UNKNOWN else 0
        if searched > 0:
            locate_edges(indptr, indices, at, chosen, unknown, searched, place)
        for k in range(searched):
            edge[unknown[k]] = place[k]
    for k in range(count):
        i = walkers[k]
        if len(back) > 0:
            share = np.float64(back[edge[i]])
        else:  # equal weights, and every edge has its way back
            row = U64(chosen[i])
            share = 1.0 / (indptr[row + U64(1)] - indptr[row])
        fold[i] = bias.excess * share / (bias.envelope + bias.excess * share)


@njit(nogil=True)
def draw_exact(
    indptr: Any, indices: Any, slots: Any, streams: Any, walkers: Any, at: Any, before: Any, bias: Biases, step: int,
    attempt: int, chosen: Any, edge: Any,
) -> int:  # fmt: skip
    """Choose by the exact probabilities for those walkers who have tried as often as their row is long.

    Returns how many are left at the front of `walkers`. By inversion, the weights taken back from the alias slots:
    O(degree log degree).
    """
    coins = pack_counter(step, attempt, EXACT)
    left = 0
    for i in walkers:
        low, high, last = indptr[at[i]], indptr[at[i] + 1], before[i]
        if high - low > attempt:
            walkers[left] = i
            left += 1
            continue
        near = np.empty(high - low, np.bool_)
        for k in range(high - low):
            near[k] = has_edge(indices, indptr[last], indptr[last + 1], indices[low + k])
        parts = row_weights(slots, low, high)
        place = sample_biased(indices[low:high], parts, near, last, bias, rng.to_unit(rng.mix_bits(streams[i] ^ coins)))
        edge[i] = U64(low + place)
        chosen[i] = indices[low + place]
    return left


@njit(nogil=True)
def row_weights(slots: Any, low: int, high: int) -> Any:
    """(high - low,) float64: the row's weights, up to a factor, taken back from its alias slots; ones where it has none."""
    parts = np.ones(high - low, np.float64)
    if len(slots) > 0:
        parts[:] = 0.0
        for slot in range(low, high):
            part = (np.float64(slots[slot, 0]) + 1.0) / 4294967296.0
            parts[slot - low] += part
            parts[slots[slot, 1]] += 1.0 - part
    return parts


@njit(nogil=True)
def sample_biased(nodes: Any, parts: Any, near: Any, last: Any, bias: Biases, u: float) -> Any:
    """The place in a row that the coin u in [0, 1) chooses by the exact rule; `last` is the node before."""
    upto = np.empty(len(nodes), np.float64)
    total = 0.0
    for k in range(len(nodes)):
        weight = bias.near if near[k] else bias.far
        if nodes[k] == last:
            weight = bias.back + bias.excess / bias.envelope  # 1 / p over the envelope
        total += weight * parts[k]
        upto[k] = total
    return min(np.searchsorted(upto, u * total, side="right"), len(nodes) - 1)
