"""More than 2^31 edges in one block: made in a temporary folder, mapped, walked, every step checked. Prints a JSON line.

The graph is a ring on which each node is joined to those at 216 fixed distances (108 each way), weights equal: its rows are
known without sorting, so that 9 GB of disk are all it takes.

usage: python huge.py [NODES]
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import numba
import numpy as np

from walkgram.kernels.graph import edge_filter
from walkgram.kernels.walks.walk import WalkGraph, sample_walks
from walkgram.lake.blocks import Blocks

HALF = 108
WALKS, LENGTH = 50_000, 80


@numba.njit
def fill(indices, distances, n):  # noqa: ANN001, ANN201
    """indices[i * degree:] = the sorted neighbours of node i."""
    degree = len(distances)
    for node in range(n):
        row = indices[node * degree : (node + 1) * degree]
        for k in range(degree):
            row[k] = (node + distances[k]) % n
        if node < distances[-1] or node + distances[-1] >= n:
            row.sort()


def main() -> None:
    """Write, map, walk, check."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    there = np.random.default_rng(1).choice(np.arange(1, n // 3), HALF, replace=False)
    distances = np.sort(np.concatenate([there, n - there]))
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        store = Blocks(folder, "huge")
        started = time.process_time()
        with store.create(0) as new:
            new("indptr", np.int64, n + 1)[:] = np.arange(n + 1) * len(distances)
            indices = new("indices", np.int32, n * len(distances))
            fill(indices, distances, n)
            indptr = np.arange(n + 1) * len(distances)
            words = edge_filter.build_edge_filter(indptr, indices, True)
            new("filter", np.uint64, len(words))[:] = words
        made = time.process_time() - started
        block = store.open(0)
        empty = np.empty((0, 2), np.uint32), np.empty(0, np.float32)
        graph = WalkGraph(block["indptr"], block["indices"], *empty, block["filter"], np.array([True]))
        ids = np.arange(WALKS)
        starts = np.random.default_rng(2).integers(0, n, WALKS)
        sample_walks(graph, starts[:256], ids[:256], 7, 0.5, 2.0, LENGTH)
        started = time.process_time()
        nodes, _ = sample_walks(graph, starts, ids, 7, 0.5, 2.0, LENGTH)
        seconds = time.process_time() - started
    moved = (nodes[:, 1:].astype(np.int64) - nodes[:, :-1]) % n
    whole = bool(np.isin(moved, distances).all())
    back = float((nodes[:, 2:] == nodes[:, :-2]).mean())
    rate = round(WALKS * (LENGTH - 1) / seconds / 1e6, 2)
    found = {"edges": n * len(distances), "made_cpu_s": round(made, 1), "M_steps_per_cpu_s": rate}
    print(json.dumps(found | {"every_step_is_an_edge": whole, "share_of_steps_back": round(back, 5)}))


if __name__ == "__main__":
    main()
