"""numba's private option _nrt, which the kernels of walks use: a numba without it is named here."""

import numba
import pytest
from numba.core.options import DefaultOptions

from walkgram.kernels.walks.compile import allocating_jit, phase_jit


def test_numba_still_has_its_private_option_nrt() -> None:
    assert hasattr(DefaultOptions, "_nrt"), (
        f"numba {numba.__version__} has no option _nrt: see walkgram/kernels/walks/compile.py"
    )


@pytest.mark.parametrize("jit, has_nrt", [(phase_jit, False), (allocating_jit, True)])
def test_the_option_reaches_the_compiler(jit: object, has_nrt: bool) -> None:
    options = jit.keywords["options"]  # type: ignore[attr-defined]
    assert options == {"nogil": True, "_nrt": has_nrt}
