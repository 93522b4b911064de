"""Ask the processor for memory that is read soon: loops over many walkers hide cache misses that they cannot reorder."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["prefetch_address"]

READ, TO_SECOND_CACHE, DATA = 0, 2, 1  # the second cache holds all that a few hundred walkers ask for; the first may not


def fetch(typing_context: Any, array: Any, index: Any) -> Any:
    """Prefetch array[index], or the first bytes of that row, by `prefetch_address(array, index)`. Any index is harmless."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, args[0])
        offset = builder.mul(args[1], cgutils.unpack_tuple(builder, view.strides)[0])
        pointer = cgutils.pointer_add(builder, view.data, offset, cgutils.voidptr_t)
        flags = [ir.Constant(cgutils.int32_t, flag) for flag in (READ, TO_SECOND_CACHE, DATA)]
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, *[cgutils.int32_t] * 3])
        builder.call(builder.module.declare_intrinsic("llvm.prefetch", [cgutils.voidptr_t], kind), [pointer, *flags])
        return context.get_dummy_value()

    return types.void(array, types.uint64), generate


prefetch_address: Any = intrinsic(fetch)
