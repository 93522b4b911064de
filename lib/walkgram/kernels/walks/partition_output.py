"""The buffers into which a partition writes the messages and steps of its walkers."""

from typing import NamedTuple

import numpy as np

from walkgram.kernels.arrays import Float64Array, Int64Array, Integer
from walkgram.kernels.jit import njit
from walkgram.kernels.walks.messages import GraphPartition, WalkerMessages, WalkSteps

__all__ = [
    "CANDIDATES",
    "PartitionOutput",
    "WalkerState",
    "add_candidate",
    "add_weights",
    "copy_output",
    "make_output",
    "record_step",
    "send_message",
]

MESSAGES, CANDIDATES, WEIGHTS, STEPS = range(4)  # entries of PartitionOutput.counts


class PartitionOutput(NamedTuple):
    """Buffers of messages and of steps; counts (4,) int64: their valid messages, candidates, weights and steps."""

    messages: WalkerMessages
    steps: WalkSteps
    counts: Int64Array


class WalkerState(NamedTuple):
    """A walker before the choice of its node number `step`, with the random stream of its walk.

    attempt: tries made. reverse_probability: of the edge current -> previous.
    """

    walk_id: Integer
    stream: np.uint64
    step: Integer
    attempt: Integer
    current: Integer
    previous: Integer
    reverse_probability: np.float32


def make_output(partition: GraphPartition, capacity: int, walk_length: int, max_tries: int) -> PartitionOutput:
    """Return empty buffers for `capacity` messages, candidates, weights and steps, and for what one more walker adds."""
    index_dtype = partition.indices.dtype
    max_degree = int(np.diff(partition.indptr).max(initial=0))
    num_candidates, num_steps = capacity + max_tries + 1 + max_degree, capacity + walk_length
    messages = WalkerMessages(
        walk_id=np.empty(capacity, np.int64),
        step=np.empty(capacity, np.int32),
        attempt=np.empty(capacity, np.int32),
        current=np.empty(capacity, index_dtype),
        previous=np.empty(capacity, index_dtype),
        reverse_probability=np.empty(capacity, np.float32),
        accepts_last=np.empty(capacity, np.bool_),
        candidate_ends=np.zeros(capacity + 1, np.int64),
        candidates=np.empty(num_candidates, index_dtype),
        candidate_probabilities=np.empty(num_candidates, np.float32),
        weight_ends=np.zeros(capacity + 1, np.int64),
        weights=np.empty(capacity + max_degree, np.float64),
    )
    steps = WalkSteps(np.empty(num_steps, np.int64), np.empty(num_steps, np.int32), np.empty(num_steps, index_dtype))
    return PartitionOutput(messages, steps, np.zeros(4, np.int64))


def copy_output(output: PartitionOutput) -> tuple[WalkerMessages, WalkSteps]:
    """Return copies of the valid messages and steps, and empty the buffers."""
    num_messages, num_candidates, num_weights, num_steps = output.counts.tolist()
    messages, steps = output.messages, output.steps
    copies = WalkerMessages(
        walk_id=messages.walk_id[:num_messages].copy(),
        step=messages.step[:num_messages].copy(),
        attempt=messages.attempt[:num_messages].copy(),
        current=messages.current[:num_messages].copy(),
        previous=messages.previous[:num_messages].copy(),
        reverse_probability=messages.reverse_probability[:num_messages].copy(),
        accepts_last=messages.accepts_last[:num_messages].copy(),
        candidate_ends=messages.candidate_ends[: num_messages + 1].copy(),
        candidates=messages.candidates[:num_candidates].copy(),
        candidate_probabilities=messages.candidate_probabilities[:num_candidates].copy(),
        weight_ends=messages.weight_ends[: num_messages + 1].copy(),
        weights=messages.weights[:num_weights].copy(),
    )
    output.counts[:] = 0
    return copies, WalkSteps(steps.walk_id[:num_steps].copy(), steps.step[:num_steps].copy(), steps.node[:num_steps].copy())


@njit(inline="always")
def add_candidate(partition: GraphPartition, edge: Integer, output: PartitionOutput) -> None:
    """Add the node of an edge to the candidates of the next message."""
    k = output.counts[CANDIDATES]
    probabilities = partition.reverse_probabilities
    output.messages.candidates[k] = partition.indices[edge]
    output.messages.candidate_probabilities[k] = probabilities[edge] if len(probabilities) > 0 else np.float32(0.0)
    output.counts[CANDIDATES] += 1


@njit(inline="always")
def add_weights(weights: Float64Array, output: PartitionOutput) -> None:
    """Add the weights of a row, whose nodes are the last candidates, to the next message."""
    start = output.counts[WEIGHTS]
    output.messages.weights[start : start + len(weights)] = weights
    output.counts[WEIGHTS] += len(weights)


@njit(inline="always")
def send_message(output: PartitionOutput, walker: WalkerState, accepts_last: bool) -> None:
    """Add a message, with the candidates and weights since the last message."""
    messages, counts = output.messages, output.counts
    k = counts[MESSAGES]
    messages.walk_id[k] = walker.walk_id
    messages.step[k] = walker.step
    messages.attempt[k] = walker.attempt
    messages.current[k] = walker.current
    messages.previous[k] = walker.previous
    messages.reverse_probability[k] = walker.reverse_probability
    messages.accepts_last[k] = accepts_last
    messages.candidate_ends[k + 1] = counts[CANDIDATES]
    messages.weight_ends[k + 1] = counts[WEIGHTS]
    counts[MESSAGES] += 1


@njit(inline="always")
def record_step(output: PartitionOutput, walk_id: Integer, step: Integer, node: Integer) -> None:
    """Add a step."""
    k = output.counts[STEPS]
    output.steps.walk_id[k] = walk_id
    output.steps.step[k] = step
    output.steps.node[k] = node
    output.counts[STEPS] += 1
