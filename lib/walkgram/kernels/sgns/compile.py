"""The compilation options that the skip-gram kernels of the CPU share."""

from walkgram.kernels.jit import njit

__all__ = ["sgns_jit"]

# Products may fuse into sums, but no sum may be reordered: what LLVM makes of a function differs between a process that
# compiles it and one that loads it from numba's cache, and the vectors of a seed must not.
sgns_jit = njit(fastmath={"contract"}, nogil=True, error_model="numpy")
