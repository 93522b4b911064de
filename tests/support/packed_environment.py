"""An environment for a cluster's hosts that has no walkgram, and its archive.

A stated substitute for a packed environment: torch alone has gigabytes, so the archive holds the interpreter's folder, and a
.pth file in it names the folder of the tests' packages, which the hosts of a test share. Python does not process the .pth
files of a folder that a .pth file names, so that walkgram's editable installation is left out.
"""

import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

__all__ = ["make_environment", "pack_environment"]

PACKAGES = sysconfig.get_path("purelib")


def make_environment(folder: Path) -> Path:
    """Make an environment with the packages of this one, but without walkgram; return its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    own_packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (own_packages / "shared_packages.pth").write_text(f"{PACKAGES}\n")
    return folder / "bin" / "python"


def pack_environment(folder: Path, archive: Path) -> Path:
    """Write an environment as a .tar.gz for spark-submit --archives; return its path."""
    with tarfile.open(archive, "w:gz") as out:
        out.add(folder, ".")
    return archive
