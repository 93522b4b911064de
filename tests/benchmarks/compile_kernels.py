"""Print the CPU seconds until the kernels of the graph and of the walks have run for the first time, as a JSON line.

NUMBA_CACHE_DIR names the cache of numba.
"""

import json
import time

import graphs
from bench_walks import build_graph, sample_walks


def main() -> None:
    """Build a graph of twelve nodes; walk by weight alone, then with biases."""
    start_time = time.process_time()
    graph = build_graph(graphs.small_graph())
    for p, q in ((1.0, 1.0), (0.5, 2.0)):
        sample_walks(graph, p, q, 12)
    print(json.dumps({"seconds": time.process_time() - start_time}))


if __name__ == "__main__":
    main()
