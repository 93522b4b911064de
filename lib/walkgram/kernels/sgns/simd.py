"""Rows times rows, sixteen numbers at a time: vector code for LLVM where its own vectoriser keeps no row in registers.

`dots` and `add_rows` are the two products that skip-gram consists of. Written as plain loops they are bound by loads and
stores of the sum (8 ns a pair of 128 numbers); with the sums in registers they take 3 to 4. LLVM splits the vectors where the
machine's are shorter. Arrays are float32, their rows a multiple of LANES long, and best `aligned`.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from walkgram.kernels.jit import njit

__all__ = ["SIMD_WIDTH", "add_rows", "allocate_aligned", "dot_row", "dot_rows", "pad_dim"]

SIMD_WIDTH = 16
FAST = ("contract",)  # fused where there is such an instruction; no sum in another order than it is written in
FLOAT, INT32, INT64 = ir.FloatType(), ir.IntType(32), ir.IntType(64)
VECTOR = ir.VectorType(FLOAT, SIMD_WIDTH)


def pad_dim(dim: int) -> int:
    """The least multiple of LANES that holds `dim`."""
    return -(-dim // SIMD_WIDTH) * SIMD_WIDTH


def allocate_aligned(rows: int, columns: int) -> NDArray[np.float32]:
    """(rows, columns) float32 zeros that begin at a cache line: a vector across two lines costs two loads."""
    room = np.zeros(rows * columns + SIMD_WIDTH, np.float32)
    first = (-room.ctypes.data % 64) // 4
    return room[first : first + rows * columns].reshape(rows, columns)


def number(value: int) -> Any:
    """A 64-bit constant."""
    return ir.Constant(INT64, value)


def row(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    """The address of array[index], its first number where the array is a matrix."""
    view = context.make_array(kind)(context, builder, array)
    offset = builder.mul(index, cgutils.unpack_tuple(builder, view.strides)[0])
    return cgutils.pointer_add(builder, view.data, offset, FLOAT.as_pointer())


def load(builder: Any, place: Any, offset: Any) -> Any:
    """LANES numbers behind an address."""
    return builder.load(builder.bitcast(builder.gep(place, [offset]), VECTOR.as_pointer()), align=4)


def shuffled(builder: Any, vector: Any, lanes: list[int]) -> Any:
    """Some lanes of a vector."""
    nothing = ir.Constant(vector.type, ir.Undefined)
    return builder.shuffle_vector(vector, nothing, ir.Constant(ir.VectorType(INT32, len(lanes)), lanes))


def total(builder: Any, vector: Any) -> Any:
    """The sum of the lanes, halves upon halves."""
    count = SIMD_WIDTH
    while count > 1:
        count //= 2
        low, high = (shuffled(builder, vector, list(range(i * count, (i + 1) * count))) for i in (0, 1))
        vector = builder.fadd(low, high, flags=FAST)
    return builder.extract_element(vector, ir.Constant(INT32, 0))


def plus_product(builder: Any, place: Any, a: Any, b: Any) -> None:
    """place += a * b, lane by lane."""
    builder.store(builder.fadd(builder.load(place), builder.fmul(a, b, flags=FAST), flags=FAST), place)


def dots_of(rows: int) -> Any:
    """`f(a, i, b, j, out, at)`: out[at + s] = a[i] . b[j + s] for s below `rows`, the sums in registers."""

    def dot(typing: Any, a: Any, i: Any, b: Any, j: Any, out: Any, at: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            one = row(context, builder, a, args[0], args[1])
            others = [row(context, builder, b, args[2], builder.add(args[3], number(s))) for s in range(rows)]
            sums = [cgutils.alloca_once_value(builder, ir.Constant(VECTOR, [0.0] * SIMD_WIDTH)) for _ in range(rows)]
            shape = cgutils.unpack_tuple(builder, context.make_array(a)(context, builder, args[0]).shape)
            with cgutils.for_range(builder, builder.udiv(shape[1], number(SIMD_WIDTH))) as loop:
                offset = builder.mul(loop.index, number(SIMD_WIDTH))
                x = load(builder, one, offset)
                for place, other in zip(sums, others, strict=True):
                    plus_product(builder, place, x, load(builder, other, offset))
            to = row(context, builder, out, args[4], args[5])
            for s, place in enumerate(sums):
                builder.store(total(builder, builder.load(place)), builder.gep(to, [number(s)]))
            return context.get_dummy_value()

        return types.void(a, types.int64, b, types.int64, out, types.int64), generate

    return intrinsic(dot)


def add_of(width: int) -> Any:
    """`f(y, i, c, b, j, count, by, at, step)`: y[i, c:] += sum of by[at + s * step] * b[j + s, c:], `width` vectors wide."""

    def add(typing: Any, y: Any, i: Any, c: Any, b: Any, j: Any, count: Any, by: Any, at: Any, step: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            to = builder.gep(row(context, builder, y, args[0], args[1]), [args[2]])
            parts = [number(SIMD_WIDTH * k) for k in range(width)]
            sums = [cgutils.alloca_once_value(builder, load(builder, to, part)) for part in parts]
            with cgutils.for_range(builder, args[5]) as loop:
                source = builder.gep(row(context, builder, b, args[3], builder.add(args[4], loop.index)), [args[2]])
                place = row(context, builder, by, args[6], builder.add(args[7], builder.mul(loop.index, args[8])))
                first = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), builder.load(place), ir.Constant(INT32, 0))
                factor = shuffled(builder, first, [0] * SIMD_WIDTH)
                for total_of, part in zip(sums, parts, strict=True):
                    plus_product(builder, total_of, factor, load(builder, source, part))
            for total_of, part in zip(sums, parts, strict=True):
                builder.store(builder.load(total_of), builder.bitcast(builder.gep(to, [part]), VECTOR.as_pointer()), align=4)
            return context.get_dummy_value()

        whole = types.int64
        return types.void(y, whole, whole, b, whole, whole, by, whole, whole), generate

    return intrinsic(add)


dot8, dot4, dot_row = dots_of(8), dots_of(4), dots_of(1)
add8, add4, add1 = add_of(8), add_of(4), add_of(1)


@njit
def dot_rows(a: Any, i: Any, b: Any, low: Any, high: Any, out: Any, at: Any) -> None:
    """out[at + s] = a[i] . b[low + s] for s below high - low; out (m,) float32."""
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
def add_rows(y: Any, i: Any, b: Any, low: Any, high: Any, by: Any, at: Any, step: Any) -> None:
    """y[i] += sum of by[at + s * step] * b[low + s] for s below high - low; by (m,) float32."""
    c = 0
    while c + 8 * SIMD_WIDTH <= y.shape[1]:
        add8(y, i, c, b, low, high - low, by, at, step)
        c += 8 * SIMD_WIDTH
    while c + 4 * SIMD_WIDTH <= y.shape[1]:
        add4(y, i, c, b, low, high - low, by, at, step)
        c += 4 * SIMD_WIDTH
    while c < y.shape[1]:
        add1(y, i, c, b, low, high - low, by, at, step)
        c += SIMD_WIDTH
