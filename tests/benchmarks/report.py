"""Cases of a benchmark, printed as a table and written to out/bench/NAME.json with machine, versions and commit."""

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Case:
    """One case; `ratio` above 1 means that walkgram is ahead, None means that there is no peer. bar: the required ratio."""

    case: str
    ours: float
    peer: float | None
    peer_name: str
    unit: str
    ratio: float | None
    bar: float | None


def describe_machine() -> str:
    """Return the processor, its cores as this machine sees them, the memory and the Python version."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"


def publish(name: str, cases: list[Case], packages: tuple[str, ...], **versions: str) -> None:
    """Print the table and write out/bench/NAME.json; `versions` are those beside the packages'."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False).stdout.strip()
    print(f"\n{describe_machine()}, commit {commit}")
    print(f"| {'case':44} | {'ours':>9} | {'peer':>9} | {'ratio':>6} | {'bar':>5} | unit, peer")
    for c in cases:
        peer = "" if c.peer is None else f"{c.peer:9.3g}"
        ratio, bar = ("" if x is None else f"{x:.1f}" for x in (c.ratio, c.bar))
        print(f"| {c.case:44} | {c.ours:9.3g} | {peer:>9} | {ratio:>6} | {bar:>5} | {c.unit}, {c.peer_name}")
    file = ROOT / "out" / "bench" / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "machine": describe_machine(),
        "versions": {package: version(package) for package in packages} | versions,
        "commit": commit,
        "cases": [asdict(c) for c in cases],
    }
    file.write_text(json.dumps(content, indent=1))
    print(f"written to {file.relative_to(ROOT)}")
