"""The Triton step: its checks run in their own process, because Triton's interpreter is chosen before its import."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

CHECKS = Path(__file__).parents[2] / "support" / "triton_step_checks.py"
needs_triton = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="triton is not installed")

# Both kernels to machine code, which needs no device: what the interpreter lets pass, the compiler may not.
COMPILE = """
import sys
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from walkgram.kernels.sgns import triton_kernels

element, capability = sys.argv[1], int(sys.argv[2])
types = dict.fromkeys(("vector", "context", "table"), f"*{element}")
types |= dict.fromkeys(("walks", "walk_slots", "negative_rows", "negative_slots", "rows", "slots"), "*i32")
types |= {"lengths": "*i64", "negative_scale": "fp32", "learning_rate": "fp32", "seed": "i64"}
types |= dict.fromkeys(("max_length", "max_tiles", "window", "num_places", "table_index"), "i32")
types_of_others = "*fp32"
sizes = {"DIM": 20, "WIDE": 32, "TILE": 16, "ROWS": 16, "BLOCK": 16, "SHARED": 5, "SHARES": 16}
sizes |= {"DITHER": element == "bf16", "PRECISION": "tf32"}
for kernel in (triton_kernels.gradients_kernel, triton_kernels.apply_kernel):
    constexprs = {(at,): sizes[name] for at, name in enumerate(kernel.arg_names) if name in sizes}
    signature = {name: "constexpr" if name in sizes else types.get(name, types_of_others) for name in kernel.arg_names}
    source = ASTSource(kernel, signature, constexprs=constexprs)
    compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32))
    assert compiled.asm["cubin"], kernel
"""


def run_python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a new Python process."""
    inherited = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    return subprocess.run(
        [sys.executable, *arguments], env={**inherited, **environment}, capture_output=True, text=True, check=False
    )


@needs_triton
def test_triton_step_equals_the_plain_step() -> None:
    interpreted = {} if torch.cuda.is_available() else {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    process = run_python("-m", "pytest", "-p", "no:cacheprovider", str(CHECKS), **interpreted)
    assert process.returncode == 0, process.stdout[-6000:]


@needs_triton
@pytest.mark.parametrize(("element", "capability"), [("fp32", "80"), ("bf16", "90")])
def test_kernels_compile_for_devices(element: str, capability: str, tmp_path: Path) -> None:
    process = run_python("-c", COMPILE, element, capability, TRITON_CACHE_DIR=str(tmp_path))
    assert process.returncode == 0, process.stderr[-3000:]


def test_no_other_kernel_imports_triton_and_the_error_without_it_names_the_remedy() -> None:
    code = (
        "import sys, walkgram.kernels.sgns.torch_step, walkgram.kernels.sgns.tiles; print('triton' in sys.modules, flush=True);"
    )
    process = run_python("-c", code + "sys.modules['triton'] = None; import walkgram.kernels.sgns.triton_step")
    assert process.stdout == "False\n"
    assert "TrainError: the fused skip-gram step needs Triton" in process.stderr
    assert "pip install triton" in process.stderr
