"""The probabilities of reverse steps: against dicts."""

import numpy as np
import pytest

from walkgram.kernels.graph import csr, reverse_edges


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e300])
def test_reverse_probabilities_are_those_of_the_reverse_edge(scale: float) -> None:
    edges = {(0, 1): 2.0, (1, 0): 3.0, (1, 2): 1.0, (0, 2): 5.0, (2, 2): 4.0, (2, 0): 1.0, (3, 0): 7.0}
    src, dst = (np.array([e[i] for e in edges], np.int64) for i in (0, 1))
    indptr, indices, weights = csr.build_csr(src, dst, np.array(list(edges.values())) * scale, 0, 4, 4)
    totals = {v: sum(w for (a, _), w in edges.items() if a == v) for v in range(4)}
    rows = np.repeat(np.arange(4), np.diff(indptr))
    expected = [edges.get((v, t), 0.0) / totals[v] for t, v in zip(rows.tolist(), indices.tolist(), strict=True)]
    reverse_weights = reverse_edges.match_reverse_weights(
        indptr, indices, *reverse_edges.transpose_csr(indptr, indices, weights)
    )
    np.testing.assert_allclose(
        reverse_edges.compute_reverse_probabilities(indices, reverse_weights, *reverse_edges.sum_rows(indptr, weights)),
        expected,
        rtol=1e-6,
    )
