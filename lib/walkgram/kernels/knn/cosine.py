"""Cosine similarity: the product of rows of unit length."""

import numpy as np

from walkgram.kernels.arrays import Float32Matrix
from walkgram.kernels.knn.metric import Metric

__all__ = ["COSINE", "normalize_rows"]


def normalize_rows(vectors: Float32Matrix) -> Float32Matrix:
    """Return rows of unit length, (n, dim) float32; a row of zeros stays zeros (its cosine with any row is 0)."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths == 0, 1.0, lengths), dtype=np.float32)


def take_products(products: Float32Matrix, left: Float32Matrix, right: Float32Matrix) -> Float32Matrix:
    """Return the products: those of unit rows are cosines."""
    return products


COSINE = Metric(normalize_rows, normalize_rows, take_products, larger_is_better=True)
