"""Products of rows in vectors of sixteen float32, for LLVM: its own vectoriser keeps no row in registers.

Skip-gram consists of two products, `dot_rows` and `add_rows`. Written as plain loops they are bound by loads and stores of
the sum (8 ns a pair of 128 numbers); with the sums in registers they take 3 to 4 ns. LLVM splits the vectors where the
machine's are shorter. Arrays are float32; their rows are a multiple of SIMD_WIDTH long, best from `allocate_aligned`.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from walkgram.kernels.arrays import Float32Array, Float32Matrix
from walkgram.kernels.jit import njit

__all__ = ["SIMD_WIDTH", "add_rows", "allocate_aligned", "dot_row", "dot_rows", "pad_dim"]

SIMD_WIDTH = 16
FAST = ("contract",)  # a product may fuse into a sum where the machine can; no sum is reordered
FLOAT, INT32, INT64 = ir.FloatType(), ir.IntType(32), ir.IntType(64)
VECTOR = ir.VectorType(FLOAT, SIMD_WIDTH)
INT_PAIR = types.UniTuple(types.int64, 2)


def pad_dim(dim: int) -> int:
    """Return the least multiple of SIMD_WIDTH that holds `dim`."""
    return -(-dim // SIMD_WIDTH) * SIMD_WIDTH


def allocate_aligned(rows: int, columns: int) -> Float32Matrix:
    """Return (rows, columns) float32 zeros that begin at a cache line: a vector across two lines costs two loads."""
    buffer = np.zeros(rows * columns + SIMD_WIDTH, np.float32)
    first = (-buffer.ctypes.data % 64) // 4
    return buffer[first : first + rows * columns].reshape(rows, columns)


def constant(value: int) -> Any:
    """Return a 64-bit constant."""
    return ir.Constant(INT64, value)


def row_address(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """Return the address of array[index]; of its first number where the array is a matrix."""
    view = context.make_array(array_type)(context, builder, array)
    offset = builder.mul(index, cgutils.unpack_tuple(builder, view.strides)[0])
    return cgutils.pointer_add(builder, view.data, offset, FLOAT.as_pointer())


def load_vector(builder: Any, address: Any, offset: Any) -> Any:
    """Load SIMD_WIDTH numbers from `offset` numbers behind an address."""
    return builder.load(builder.bitcast(builder.gep(address, [offset]), VECTOR.as_pointer()), align=4)


def shuffle_lanes(builder: Any, vector: Any, lanes: list[int]) -> Any:
    """Return the named lanes of a vector."""
    undefined = ir.Constant(vector.type, ir.Undefined)
    return builder.shuffle_vector(vector, undefined, ir.Constant(ir.VectorType(INT32, len(lanes)), lanes))


def sum_lanes(builder: Any, vector: Any) -> Any:
    """Return the sum of the lanes, by adding the upper half to the lower until one is left."""
    count = SIMD_WIDTH
    while count > 1:
        count //= 2
        low, high = (shuffle_lanes(builder, vector, list(range(i * count, (i + 1) * count))) for i in (0, 1))
        vector = builder.fadd(low, high, flags=FAST)
    return builder.extract_element(vector, ir.Constant(INT32, 0))


def accumulate_product(builder: Any, total: Any, a: Any, b: Any) -> None:
    """Add a * b, lane by lane, to the vector at the address `total`."""
    builder.store(builder.fadd(builder.load(total), builder.fmul(a, b, flags=FAST), flags=FAST), total)


def make_dot_intrinsic(count: int) -> Any:
    """Return `f(a, i, b, j, out, at)`: out[at + s] = a[i] . b[j + s] for s below `count`, the sums in registers."""

    def dot(typing_context: Any, a: Any, i: Any, b: Any, j: Any, out: Any, at: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            left = row_address(context, builder, a, args[0], args[1])
            rights = [row_address(context, builder, b, args[2], builder.add(args[3], constant(s))) for s in range(count)]
            totals = [cgutils.alloca_once_value(builder, ir.Constant(VECTOR, [0.0] * SIMD_WIDTH)) for _ in range(count)]
            shape = cgutils.unpack_tuple(builder, context.make_array(a)(context, builder, args[0]).shape)
            with cgutils.for_range(builder, builder.udiv(shape[1], constant(SIMD_WIDTH))) as loop:
                offset = builder.mul(loop.index, constant(SIMD_WIDTH))
                factor = load_vector(builder, left, offset)
                for total, right in zip(totals, rights, strict=True):
                    accumulate_product(builder, total, factor, load_vector(builder, right, offset))
            target = row_address(context, builder, out, args[4], args[5])
            for s, total in enumerate(totals):
                builder.store(sum_lanes(builder, builder.load(total)), builder.gep(target, [constant(s)]))
            return context.get_dummy_value()

        return types.void(a, types.int64, b, types.int64, out, types.int64), generate

    return intrinsic(dot)


def make_add_intrinsic(width: int) -> Any:
    """Return `f(y, (i, c), b, (j, count), factors, (at, step))`, which adds `count` rows to columns of y[i].

    y[i, c:] += the sum of factors[at + s * step] * b[j + s, c:], in `width` vectors of columns whose sums are in registers.
    """

    def add(typing_context: Any, y: Any, target: Any, b: Any, source: Any, factors: Any, stride: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            i, c = cgutils.unpack_tuple(builder, args[1])
            j, count = cgutils.unpack_tuple(builder, args[3])
            at, step = cgutils.unpack_tuple(builder, args[5])
            y_row = builder.gep(row_address(context, builder, y, args[0], i), [c])
            offsets = [constant(SIMD_WIDTH * k) for k in range(width)]
            totals = [cgutils.alloca_once_value(builder, load_vector(builder, y_row, offset)) for offset in offsets]
            with cgutils.for_range(builder, count) as loop:
                b_row = builder.gep(row_address(context, builder, b, args[2], builder.add(j, loop.index)), [c])
                place = builder.add(at, builder.mul(loop.index, step))
                number = builder.load(row_address(context, builder, factors, args[4], place))
                first = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), number, ir.Constant(INT32, 0))
                factor = shuffle_lanes(builder, first, [0] * SIMD_WIDTH)
                for total, offset in zip(totals, offsets, strict=True):
                    accumulate_product(builder, total, factor, load_vector(builder, b_row, offset))
            for total, offset in zip(totals, offsets, strict=True):
                address = builder.bitcast(builder.gep(y_row, [offset]), VECTOR.as_pointer())
                builder.store(builder.load(total), address, align=4)
            return context.get_dummy_value()

        return types.void(y, INT_PAIR, b, INT_PAIR, factors, INT_PAIR), generate

    return intrinsic(add)


dot8, dot4, dot_row = make_dot_intrinsic(8), make_dot_intrinsic(4), make_dot_intrinsic(1)
add8, add4, add1 = make_add_intrinsic(8), make_add_intrinsic(4), make_add_intrinsic(1)


@njit
def dot_rows(a: Float32Matrix, i: int, b: Float32Matrix, low: int, high: int, out: Float32Array, at: int) -> None:
    """Set out[at + s] = a[i] . b[low + s] for s below high - low; out (m,) float32."""
    j = low
    while j + 8 <= high:
        dot8(a, i, b, j, out, at + j - low)
        j += 8
    while j + 4 <= high:
        dot4(a, i, b, j, out, at + j - low)
        j += 4
    while j < high:
        dot_row(a, i, b, j, out, at + j - low)
        j += 1


@njit
def add_rows(
    y: Float32Matrix, i: int, b: Float32Matrix, low: int, high: int, factors: Float32Array, at: int, step: int
) -> None:
    """Add to y[i] the sum of factors[at + s * step] * b[low + s] for s below high - low; factors (m,) float32."""
    c = 0
    while c + 8 * SIMD_WIDTH <= y.shape[1]:
        add8(y, (i, c), b, (low, high - low), factors, (at, step))
        c += 8 * SIMD_WIDTH
    while c + 4 * SIMD_WIDTH <= y.shape[1]:
        add4(y, (i, c), b, (low, high - low), factors, (at, step))
        c += 4 * SIMD_WIDTH
    while c < y.shape[1]:
        add1(y, (i, c), b, (low, high - low), factors, (at, step))
        c += SIMD_WIDTH
