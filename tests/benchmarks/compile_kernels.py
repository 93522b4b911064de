"""CPU seconds until the kernels of the graph and the walks have run for the first time, as a JSON line.

NUMBA_CACHE_DIR says where numba keeps what it compiled.
"""

import json
import time

import graphs
from bench_walks import built, ours


def main() -> None:
    """Build a graph of twelve nodes; walk by weight alone, then with biases."""
    started = time.process_time()
    graph = built(graphs.small())
    for p, q in ((1.0, 1.0), (0.5, 2.0)):
        ours(graph, p, q, 12)
    print(json.dumps({"seconds": time.process_time() - started}))


if __name__ == "__main__":
    main()
