"""Walk on one partition of more than 2^31 edges, mapped from a temporary folder, and check every step. Prints a JSON line.

The graph is a ring on which each node is joined to those at 216 fixed distances (108 each way), with equal weights: its rows
are known without sorting, so that 9 GB of disk suffice.

usage: python huge.py [NODES]
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import numba
import numpy as np

from walkgram.kernels.arrays import Int32Array, Int64Array
from walkgram.kernels.graph import edge_filter
from walkgram.kernels.walks.params import make_walk_params
from walkgram.kernels.walks.walk import sample_walks
from walkgram.kernels.walks.walk_graph import WalkGraph
from walkgram.lake.blocks import Blocks

HALF = 108
WALKS, LENGTH = 50_000, 80


@numba.njit()
def fill_rows(indices: Int32Array, distances: Int64Array, n: int) -> None:
    """Fill indices[i * degree :] with the sorted neighbours of node i."""
    degree = len(distances)
    for node in range(n):
        row = indices[node * degree : (node + 1) * degree]
        for k in range(degree):
            row[k] = (node + distances[k]) % n
        if node < distances[-1] or node + distances[-1] >= n:
            row.sort()


def write_graph(blocks: Blocks, distances: np.ndarray, n: int) -> None:
    """Write the ring as block 0."""
    with blocks.create(0) as new:
        indptr = np.arange(n + 1) * len(distances)
        new("indptr", np.int64, n + 1)[:] = indptr
        indices = new("indices", np.int32, n * len(distances))
        fill_rows(indices, distances, n)
        words = edge_filter.build_edge_filter(indptr, indices, True)
        new("filter", np.uint64, len(words))[:] = words


def main() -> None:
    """Write, map, walk, check."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    half = np.random.default_rng(1).choice(np.arange(1, n // 3), HALF, replace=False)
    distances = np.sort(np.concatenate([half, n - half]))
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        blocks = Blocks(folder, "huge")
        start_time = time.process_time()
        write_graph(blocks, distances, n)
        write_seconds = time.process_time() - start_time
        block = blocks.open(0)
        no_weights = np.empty((0, 2), np.uint32), np.empty(0, np.float32)
        graph = WalkGraph(block["indptr"], block["indices"], *no_weights, block["filter"], np.array([True]))
        params = make_walk_params(0.5, 2.0, LENGTH, 7)
        walk_ids = np.arange(WALKS)
        starts = np.random.default_rng(2).integers(0, n, WALKS)
        sample_walks(graph, starts[:256], walk_ids[:256], params)
        start_time = time.process_time()
        nodes, _ = sample_walks(graph, starts, walk_ids, params)
        seconds = time.process_time() - start_time
    steps = (nodes[:, 1:].astype(np.int64) - nodes[:, :-1]) % n
    result = {
        "edges": n * len(distances),
        "write_cpu_s": round(write_seconds, 1),
        "M_steps_per_cpu_s": round(WALKS * (LENGTH - 1) / seconds / 1e6, 2),
        "every_step_is_an_edge": bool(np.isin(steps, distances).all()),
        "share_of_returns": round(float((nodes[:, 2:] == nodes[:, :-2]).mean()), 5),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
