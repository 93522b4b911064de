"""Name the types of the arrays that kernels take and return: the type of the entries, and the number of dimensions.

`Array` has one dimension, `Matrix` two, `Tensor` three. numpy's types hold no shape, and numba compiles for the arrays that it
is given, whatever the annotations: the names are for the reader and for mypy.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BoolArray",
    "BoolMatrix",
    "Float32Array",
    "Float32Matrix",
    "Float32Tensor",
    "Float64Array",
    "Float64Matrix",
    "Int32Array",
    "Int32Matrix",
    "Int32Tensor",
    "Int64Array",
    "Int64Matrix",
    "IntArray",
    "IntMatrix",
    "Integer",
    "UInt8Array",
    "UInt32Array",
    "UInt32Matrix",
    "UInt64Array",
    "UInt64Matrix",
]

BoolArray: TypeAlias = NDArray[np.bool_]
BoolMatrix: TypeAlias = NDArray[np.bool_]
Float32Array: TypeAlias = NDArray[np.float32]
Float32Matrix: TypeAlias = NDArray[np.float32]
Float32Tensor: TypeAlias = NDArray[np.float32]
Float64Array: TypeAlias = NDArray[np.float64]
Float64Matrix: TypeAlias = NDArray[np.float64]
Int32Array: TypeAlias = NDArray[np.int32]
Int32Matrix: TypeAlias = NDArray[np.int32]
Int32Tensor: TypeAlias = NDArray[np.int32]
Int64Array: TypeAlias = NDArray[np.int64]
Int64Matrix: TypeAlias = NDArray[np.int64]
IntArray: TypeAlias = NDArray[np.integer[Any]]  # int32, or int64 where there are more than 2^31 nodes
IntMatrix: TypeAlias = NDArray[np.integer[Any]]
UInt8Array: TypeAlias = NDArray[np.uint8]
UInt32Array: TypeAlias = NDArray[np.uint32]
UInt32Matrix: TypeAlias = NDArray[np.uint32]
UInt64Array: TypeAlias = NDArray[np.uint64]
UInt64Matrix: TypeAlias = NDArray[np.uint64]

Integer: TypeAlias = int | np.integer[Any]  # a Python integer, or an entry of an array
