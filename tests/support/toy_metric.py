"""A toy metric: the largest difference of two components, from the rows alone; smaller is better."""

import numpy as np

from walkgram.kernels.arrays import Float32Matrix
from walkgram.kernels.knn.metric import Metric


def keep_rows(vectors: Float32Matrix) -> Float32Matrix:
    """Return the rows as float32."""
    return np.asarray(vectors, np.float32)


def largest_differences(products: Float32Matrix, left: Float32Matrix, right: Float32Matrix) -> Float32Matrix:
    """Return max |x - y| of each pair, (m, b) float32."""
    return np.asarray(np.abs(left[:, None] - right[None]).max(axis=2), np.float32)


CHEBYSHEV = Metric(keep_rows, keep_rows, largest_differences, larger_is_better=False)
