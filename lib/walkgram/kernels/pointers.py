"""Arrays by their address, for kernels that read a number of mapped blocks which is known only when they run."""

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

__all__ = ["array_address", "longs_at", "words_at"]


def array_address(array: np.ndarray) -> int:
    """Return an array's address; the caller keeps the array while it is in use. Raises `ValueError` for a view with gaps."""
    if not array.flags.c_contiguous:
        raise ValueError("only a contiguous array is known by its address")
    return int(array.__array_interface__["data"][0])


def pointer_to(kind: Any) -> Any:
    """Return the intrinsic that turns a uint64 into a pointer to `kind`."""

    def point(typing_context: Any, place: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.uint64), generate

    return intrinsic(point)


words_at: Any = pointer_to(types.uint32)
longs_at: Any = pointer_to(types.int64)
