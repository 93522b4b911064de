"""Archives on the import path are read again where they changed, and only there."""

import subprocess
import sys
import zipfile
from pathlib import Path

CODE = """
import importlib, os, sys, zipfile, zipimport
place = sys.argv[1]
sys.path.insert(0, place)
import inside
reads = []
original = zipimport._read_directory
zipimport._read_directory = lambda archive: reads.append(archive) or original(archive)
from walkgram.stages.workers import cache_zip_directories
cache_zip_directories(); cache_zip_directories()
importlib.invalidate_caches()
first = reads.count(place)
importlib.invalidate_caches(); importlib.invalidate_caches()
assert first > 0 and reads.count(place) == first, reads
with zipfile.ZipFile(place, "a") as archive:
    archive.writestr("later.py", "x = 2")
importlib.invalidate_caches()
assert reads.count(place) > first
import later
assert later.x == 2
"""


def test_an_archive_is_read_again_only_when_it_changed(tmp_path: Path) -> None:
    place = tmp_path / "package.zip"
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("inside.py", "x = 1")
    done = subprocess.run([sys.executable, "-c", CODE, str(place)], text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
