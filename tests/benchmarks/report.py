"""What every benchmark shares: cases with a peer and a bar, printed as a table and written as JSON (DESIGN, section 7)."""

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
    """One case; `ratio` above 1 means that we are ahead, None where there is no peer."""

    case: str
    ours: float
    peer: float | None
    peer_name: str
    unit: str
    ratio: float | None
    bar: float | None


def machine() -> str:
    """The processor, its cores as this machine sees them, and the memory."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "?"
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"


def publish(name: str, cases: list[Case], packages: tuple[str, ...], **more: str) -> None:
    """Print the table; write out/bench/NAME.json."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True, capture_output=True, check=False
    ).stdout.strip()
    print(f"\n{machine()}, commit {commit}")
    print(f"| {'case':44} | {'ours':>9} | {'peer':>9} | {'ratio':>6} | {'bar':>5} | unit, peer")
    for c in cases:
        peer = "" if c.peer is None else f"{c.peer:9.3g}"
        ratio, bar = ("" if x is None else f"{x:.1f}" for x in (c.ratio, c.bar))
        print(f"| {c.case:44} | {c.ours:9.3g} | {peer:>9} | {ratio:>6} | {bar:>5} | {c.unit}, {c.peer_name}")
    place = ROOT / "out" / "bench" / f"{name}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    versions = {package: version(package) for package in packages} | more
    text = {"machine": machine(), "versions": versions, "commit": commit, "cases": [asdict(c) for c in cases]}
    place.write_text(json.dumps(text, indent=1))
    print(f"written to {place.relative_to(ROOT)}")
