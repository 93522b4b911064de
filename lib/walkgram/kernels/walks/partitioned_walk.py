"""The walks of `walk` for a graph in partitions: walkers advance inside a partition, and leave it as messages.

Partition b of B holds the rows b, b + B, b + 2B, ... (`graph.partition`). A walker whose current node lies in another
partition moves there. A second-order step that depends on whether its candidates are neighbours of the previous node, whose
row lies in another partition, sends all its candidates there in one query (walker-to-vertex query, KnightKing, Yang et al.,
SOSP 2019, section 5), and continues from the reply: at most two messages a step, as long as MAX_TRIES candidates suffice. The
draws, the rule and the arithmetic are those of `walk`, so the walks are equal.
"""

from typing import NamedTuple

import numpy as np

from walkgram import rng
from walkgram.kernels.arrays import Float64Array, Int64Array, IntArray, Integer
from walkgram.kernels.graph.csr import has_edge
from walkgram.kernels.jit import njit
from walkgram.kernels.walks.exact_draw import row_weights, sample_biased
from walkgram.kernels.walks.messages import GraphPartition, WalkerMessages, WalkSteps
from walkgram.kernels.walks.params import WalkParams
from walkgram.kernels.walks.partition_output import (
    CANDIDATES,
    PartitionOutput,
    WalkerState,
    add_candidate,
    add_weights,
    copy_output,
    make_output,
    record_step,
    send_message,
)
from walkgram.kernels.walks.phases import ACCEPT, EXACT, RESTART, RETURN, SLOT, STOP
from walkgram.kernels.walks.transition import Biases
from walkgram.kernels.walks.walk import MAX_TRIES

__all__ = ["advance_partition"]

U64 = np.uint64
BUFFER_CAPACITY = 1 << 20  # messages, candidates, steps that are buffered before they are copied
SEND_ACCEPTED, SEND_ROW, SEND_QUERY = -1, -2, -3  # instead of an edge: the step depends on another partition


class RowSpan(NamedTuple):
    """The edges start..end-1 of a row."""

    start: int
    end: int


def advance_partition(
    partition: GraphPartition, params: WalkParams, starts: Int64Array, messages: WalkerMessages, capacity: int = BUFFER_CAPACITY
) -> tuple[list[WalkerMessages], list[WalkSteps]]:
    """Advance every walker until it leaves the partition or ends; return the messages and the steps, in batches.

    starts: the sorted start nodes, for restarts. A walk that ends sends no message. capacity: of the buffers of a batch.
    """
    output = make_output(partition, capacity, params.walk_length, MAX_TRIES)
    sent_messages, steps = [], []
    first = 0
    while first < len(messages.walk_id):
        first = advance_batch(partition, params, starts, messages, first, output, capacity)
        new_messages, new_steps = copy_output(output)
        sent_messages.append(new_messages)
        steps.append(new_steps)
    return sent_messages, steps


@njit(nogil=True)
def advance_batch(
    partition: GraphPartition, params: WalkParams, starts: Int64Array, messages: WalkerMessages, first: int,
    output: PartitionOutput, capacity: int,
) -> int:  # fmt: skip
    """Advance the walkers first, first + 1, ... until a buffer is full; return the first one that has not advanced."""
    i = first
    while i < len(messages.walk_id) and output.counts.max() < capacity:
        advance_walker(partition, params, starts, messages, i, output)
        i += 1
    return i


@njit(nogil=True)
def advance_walker(
    partition: GraphPartition, params: WalkParams, starts: Int64Array, messages: WalkerMessages, i: int, output: PartitionOutput
) -> None:
    """Advance the walker of message i until it leaves the partition or ends."""
    walk_id, reverse_probability = messages.walk_id[i], messages.reverse_probability[i]
    step, attempt = np.int64(messages.step[i]), np.int64(messages.attempt[i])  # a NamedTuple of one type in the loop below
    current, previous = np.int64(messages.current[i]), np.int64(messages.previous[i])
    stream = rng.derive_stream(params.seed, walk_id)
    if messages.candidate_ends[i + 1] > messages.candidate_ends[i]:
        chosen = resolve_query(partition, params.biases, messages, i, stream)
        if chosen >= 0:
            previous, current = current, np.int64(messages.candidates[chosen])
            attempt = np.int64(0)
            reverse_probability = messages.candidate_probabilities[chosen]
            record_step(output, walk_id, step, current)
            step += 1
    while step < params.walk_length:
        walker = WalkerState(walk_id, stream, step, attempt, current, previous, reverse_probability)
        if current % partition.num_partitions != partition.number:
            send_message(output, walker, False)
            return
        is_first_try = attempt == 0
        if is_first_try and draw_event(stream, step, STOP, params.stop_probability):
            return
        if is_first_try and draw_event(stream, step, RESTART, params.restart_probability):
            previous, current = np.int64(-1), starts[walk_id % len(starts)]
        else:
            row = find_row(partition, current)
            if row.start == row.end:
                return
            if params.is_first_order or previous < 0:
                edge = propose_edge(partition, stream, step, 0, row)
            else:
                edge, tries = second_order_step(partition, params.biases, walker, row, output)
                if edge < 0:
                    walker = WalkerState(walk_id, stream, step, tries, current, previous, reverse_probability)
                    send_message(output, walker, edge == SEND_ACCEPTED)
                    return
            probabilities = partition.reverse_probabilities
            reverse_probability = probabilities[edge] if len(probabilities) > 0 else np.float32(0.0)
            previous, current = current, np.int64(partition.indices[edge])
            attempt = np.int64(0)
        record_step(output, walk_id, step, current)
        step += 1


@njit(inline="always")
def find_row(partition: GraphPartition, node: Integer) -> RowSpan:
    """Return the row of a node of this partition."""
    local_row = int(node) // partition.num_partitions
    return RowSpan(partition.indptr[local_row], partition.indptr[local_row + 1])


@njit(inline="always")
def draw_event(stream: np.uint64, step: Integer, draw: int, probability: float) -> bool:
    """Draw whether an event of this probability happens before a step."""
    return bool(probability > 0.0 and rng.to_unit(rng.draw_bits(stream, step, 0, draw)) < probability)


@njit(inline="always")
def propose_edge(partition: GraphPartition, stream: np.uint64, step: Integer, attempt: Integer, row: RowSpan) -> int:
    """Draw an edge by weight, as `phases.propose_edges` draws it."""
    word, degree = rng.draw_bits(stream, step, attempt, SLOT), U64(row.end - row.start)
    edge = row.start + np.int64(rng.scale_below(word, degree))
    alias_table = partition.alias_table
    if len(alias_table) > 0 and ((word * degree) >> U64(32)) > U64(alias_table[edge, 0]):
        edge = row.start + np.int64(alias_table[edge, 1])
    return int(edge)


@njit(nogil=True)
def second_order_step(
    partition: GraphPartition, biases: Biases, walker: WalkerState, row: RowSpan, output: PartitionOutput
) -> tuple[int, Integer]:
    """Return (edge, tries made) of a second-order step.

    Instead of an edge, if the partition of the previous node must decide about the candidates, which are added to `output`:
    SEND_ACCEPTED: the last one is accepted if no other is. SEND_ROW: the complete row follows the candidates. SEND_QUERY: more
    tries follow if none is accepted.
    """
    stream, step, previous = walker.stream, walker.step, walker.previous
    degree, is_local = row.end - row.start, previous % partition.num_partitions == partition.number
    reverse = np.float64(walker.reverse_probability) if len(partition.reverse_probabilities) > 0 else 1.0 / degree
    return_share = biases.excess * reverse / (biases.envelope + biases.excess * reverse)
    lower = min(biases.neighbour_acceptance, biases.distant_acceptance)
    upper = max(biases.neighbour_acceptance, biases.distant_acceptance)
    accepts_neighbours = biases.neighbour_acceptance > biases.distant_acceptance
    previous_start, previous_end = 0, 0
    if is_local:
        previous_row = find_row(partition, previous)
        previous_start, previous_end = previous_row.start, previous_row.end
    counts, first_candidate = output.counts, output.counts[CANDIDATES]
    max_tries = max(MAX_TRIES, degree)
    for attempt in range(walker.attempt, max_tries):
        if counts[CANDIDATES] - first_candidate == MAX_TRIES:
            return SEND_QUERY, attempt
        if biases.excess > 0.0 and rng.to_unit(rng.draw_bits(stream, step, attempt, RETURN)) < return_share:
            edge = row.start + int(np.searchsorted(partition.indices[row.start : row.end], previous))
        else:
            edge = propose_edge(partition, stream, step, attempt, row)
            node, coin = partition.indices[edge], rng.to_unit(rng.draw_bits(stream, step, attempt, ACCEPT))
            if coin >= (biases.return_acceptance if node == previous else upper):
                continue
            if node != previous and coin >= lower:
                if not is_local:
                    add_candidate(partition, edge, output)
                    continue
                if has_edge(partition.indices, previous_start, previous_end, node) != accepts_neighbours:
                    continue
        if counts[CANDIDATES] == first_candidate:
            return edge, attempt
        add_candidate(partition, edge, output)
        return SEND_ACCEPTED, attempt
    if not is_local:
        for edge in range(row.start, row.end):
            add_candidate(partition, edge, output)
        add_weights(row_weights(partition.alias_table, row.start, row.end), output)
        return SEND_ROW, max_tries
    coin = rng.to_unit(rng.draw_bits(stream, step, max_tries, EXACT))
    nodes, weights = partition.indices[row.start : row.end], row_weights(partition.alias_table, row.start, row.end)
    return row.start + draw_from_row(partition, nodes, weights, previous, biases, coin), max_tries


@njit(nogil=True)
def draw_from_row(
    partition: GraphPartition, nodes: IntArray, weights: Float64Array, previous: Integer, biases: Biases, coin: float
) -> int:
    """Return the position in a row that a coin in [0, 1) draws by the exact rule; `previous` lies in this partition.

    nodes, weights: of the complete row.
    """
    row = find_row(partition, previous)
    is_neighbour = np.empty(len(nodes), np.bool_)
    for k in range(len(nodes)):
        is_neighbour[k] = has_edge(partition.indices, row.start, row.end, nodes[k])
    return sample_biased(nodes, weights, is_neighbour, previous, biases, coin)


@njit(nogil=True)
def resolve_query(partition: GraphPartition, biases: Biases, messages: WalkerMessages, i: int, stream: np.uint64) -> Integer:
    """Return the position of the candidate that query i takes, -1 if it takes none. The partition is that of `previous`."""
    previous = messages.previous[i]
    start, end = int(messages.candidate_ends[i]), int(messages.candidate_ends[i + 1])
    weights = messages.weights[messages.weight_ends[i] : messages.weight_ends[i + 1]]
    end_of_tries = end - len(weights) - (1 if messages.accepts_last[i] else 0)
    accepts_neighbours = biases.neighbour_acceptance > biases.distant_acceptance
    row = find_row(partition, previous)
    for position in range(start, end_of_tries):
        node = messages.candidates[position]
        if has_edge(partition.indices, row.start, row.end, node) == accepts_neighbours:
            return position
    if messages.accepts_last[i]:
        return end - 1
    if len(weights) == 0:
        return -1
    coin = rng.to_unit(rng.draw_bits(stream, messages.step[i], messages.attempt[i], EXACT))
    return end_of_tries + draw_from_row(partition, messages.candidates[end_of_tries:end], weights, previous, biases, coin)
