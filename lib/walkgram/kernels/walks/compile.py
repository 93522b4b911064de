"""The compilation options of the kernel that advances a batch of walkers.

numba passes a NamedTuple as all its arrays, and counts references to each of them at every call. With 17 arrays of
`WalkerLanes` this made second-order walks up to a third slower. So the phases of a try are inlined (`inline="always"`), and
the kernel counts no references: it borrows its arrays from the caller.
"""

from walkgram.kernels.jit import njit

__all__ = ["allocating_jit", "phase_jit"]

# The option is private to numba, 0.68.1 here; tests/kernels/walks/test_compile.py names it where a version has no such option.
phase_jit = njit(nogil=True, _nrt=False)
# A function inherits the options of its caller: one that allocates arrays needs reference counts.
allocating_jit = njit(nogil=True, _nrt=True)
