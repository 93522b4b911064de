"""What a search asks of a metric.

A metric has its own file in this folder, which exports a `Metric`, and one line in `registry.METRICS`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from walkgram.kernels.arrays import Float32Matrix

__all__ = ["Metric"]


@dataclass(frozen=True)
class Metric:
    """A metric: how rows are prepared, how products become scores, and whether larger scores are better.

    prepare_left, prepare_right: rows (n, dim) -> rows (n, dim) float32, done once, before the blocks are written.
    score(products, left, right): products (m, b) = left @ right.T of prepared rows (m, dim), (b, dim) -> scores (m, b)
    float32, all finite; it may overwrite the products. The functions travel to the executors: define them in a module.
    """

    prepare_left: Callable[[Float32Matrix], Float32Matrix]
    prepare_right: Callable[[Float32Matrix], Float32Matrix]
    score: Callable[[Float32Matrix, Float32Matrix, Float32Matrix], Float32Matrix]
    larger_is_better: bool
