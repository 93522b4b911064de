"""The fused step: its checks run in a process of their own, because Triton's interpreter is chosen before its import."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

CHECKS = Path(__file__).parent.parent / "support" / "sgns_checks.py"
needs_triton = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="triton is not installed")

# Both kernels to machine code, which needs no device: what the interpreter lets pass, the compiler may not.
COMPILE = """
import sys
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from walkgram.kernels.sgns import triton_kernels as launched

element, capability = sys.argv[1], int(sys.argv[2])
types = dict.fromkeys(("vector", "context", "table"), f"*{element}")
types |= dict.fromkeys(("walks", "walk_slots", "negative", "negative_slots", "rows", "slots"), "*i32")
types |= {"lengths": "*i64", "share": "fp32", "rate": "fp32", "seed": "i64"}
types |= dict.fromkeys(("longest", "most", "window", "places", "kind"), "i32")  # all others are pointers to float32
sizes = {"DIM": 20, "WIDE": 32, "TILE": 16, "ROWS": 16, "BLOCK": 16, "SHARED": 5, "SHARES": 16}
sizes |= {"DITHER": element == "bf16", "PRECISION": "tf32"}
for kernel in (launched.gradients_kernel, launched.apply_kernel):
    fixed = {(at,): sizes[name] for at, name in enumerate(kernel.arg_names) if name in sizes}
    signature = {name: "constexpr" if name in sizes else types.get(name, "*fp32") for name in kernel.arg_names}
    made = triton.compile(ASTSource(kernel, signature, constexprs=fixed), target=GPUTarget("cuda", capability, 32))
    assert made.asm["cubin"], kernel
"""


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A fresh Python."""
    known = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    return subprocess.run(
        [sys.executable, *arguments], env={**known, **environment}, capture_output=True, text=True, check=False
    )


@needs_triton
def test_the_fused_step_is_the_plain_one() -> None:
    interpreted = {} if torch.cuda.is_available() else {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    done = run("-m", "pytest", "-p", "no:cacheprovider", str(CHECKS), **interpreted)
    assert done.returncode == 0, done.stdout[-6000:]


@needs_triton
@pytest.mark.parametrize(("element", "capability"), [("fp32", "80"), ("bf16", "90")])
def test_the_kernels_compile_for_devices(element: str, capability: str, tmp_path: Path) -> None:
    done = run("-c", COMPILE, element, capability, TRITON_CACHE_DIR=str(tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]


def test_nothing_else_loads_triton_and_without_it_the_error_says_what_to_do() -> None:
    code = (
        "import sys, walkgram.kernels.sgns.torch_step, walkgram.kernels.sgns.tiles; print('triton' in sys.modules, flush=True);"
    )
    done = run("-c", code + "sys.modules['triton'] = None; import walkgram.kernels.sgns.triton_step")
    assert done.stdout == "False\n"
    assert "TrainError: the fused skip-gram step needs Triton" in done.stderr
    assert "pip install triton" in done.stderr
