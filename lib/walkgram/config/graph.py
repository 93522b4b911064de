"""The keys of the graph and the walks."""

from typing import Literal

from walkgram.config.base import Section, key
from walkgram.config.locations import Location

__all__ = ["Graph", "Walks"]


class Graph(Section):
    """The graph as memory-mapped CSR partitions."""

    reverse_probabilities: bool = key(
        True, "store the probability of each edge's reverse step, 4 bytes an edge; walks with 1/p above max(1, 1/q) need it"
    )
    partitions: int = key(0, "partitions of the nodes; 0: as many as graph.partition_gib needs", ge=0)
    partition_gib: float = key(0.0, "largest size of a partition; 0: half the memory of a task's host", "GiB", ge=0)


class Walks(Section):
    """node2vec's biased random walks."""

    num_walks: int = key(10, "walks from each start node", "walks", ge=1)
    walk_length: int = key(80, "nodes of a walk, with its start", "nodes", ge=2, lt=2**24)
    p: float = key(1.0, "return parameter: the bias of a step back to the previous node is 1/p", ge=1e-100, le=1e100)
    q: float = key(
        1.0,
        "in-out parameter: the bias of a step to a node that is no neighbour of the previous node is 1/q",
        ge=1e-100,
        le=1e100,
    )
    seed: int = key(7, "seed of the walks; they do not depend on the number of tasks, shards or partitions", ge=0, lt=2**63)
    starts: Location = key("", 'table (Parquet, or CSV with header) of the start nodes; "": every node')
    starts_column: str = key("item_id", "column of ids in walks.starts", min_length=1)
    restart_probability: float = key(0.0, "probability that a step returns to the walk's start", ge=0, lt=1)
    stop_probability: float = key(0.0, "probability that a walk ends before a step", ge=0, lt=1)
    engine: Literal["auto", "replicated", "partitioned"] = key(
        "auto",
        "replicated: every task maps the graph; partitioned: walkers move between partitions; auto: replicated if the graph "
        "has one partition",
    )
    num_shards: int = key(0, "shards of the walks, one task each; 0: from the number of walks", ge=0)
