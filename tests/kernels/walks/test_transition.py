"""The exact transition probabilities: against the oracle in plain Python."""

import numpy as np
import pytest

from support import oracles
from walkgram.kernels.walks import transition

TRIANGLES = oracles.undirected([
    (0, 1, 1.0), (0, 2, 2.0), (1, 2, 3.0), (2, 3, 1.5), (3, 4, 0.5), (2, 4, 4.0), (4, 5, 1.0), (5, 6, 2.5), (6, 7, 1.0),
    (5, 7, 2.0), (7, 8, 6.0), (8, 0, 1.0), (3, 3, 2.0), (6, 9, 1.0),
])  # fmt: skip


@pytest.mark.parametrize(("p", "q"), [(0.25, 4.0), (4.0, 0.25), (0.1, 1.0), (1.0, 1.0)])
def test_exact_probabilities_are_the_oracles(p: float, q: float) -> None:
    graph = {**TRIANGLES, 8: {7: 1.0, 3: 2.0}, 9: {}}
    matrix = np.array([[graph[v].get(x, 0.0) for x in range(10)] for v in range(10)])
    for previous, current in [(-1, v) for v in range(10)] + [(t, v) for t in range(10) for v in graph[t]]:
        expected = oracles.transition(graph, None if previous < 0 else previous, current, p, q)
        probabilities = transition.compute_transition_probabilities(matrix, previous, current, p, q)
        np.testing.assert_allclose(probabilities, [expected.get(x, 0.0) for x in range(10)], rtol=1e-12)
