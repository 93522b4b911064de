"""The cache of remote blocks: only its user may write in it, its blocks are complete, and what nobody needs goes."""

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from walkgram.errors import LakeError
from walkgram.lake import block_cache
from walkgram.lake.block_cache import fetch_block

NAME = "block-00000"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WALKGRAM_CACHE", str(tmp_path / "cache"))
    block_cache.hold_version.cache_clear()
    return tmp_path / "cache"


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """Write a block in a folder that stands for the remote one."""
    block = tmp_path / "lake" / "graph" / NAME
    block.mkdir(parents=True)
    (block / "a.npy").write_bytes(b"12345")
    return block.parent


def release(cached: Path) -> None:
    """Let go of what this process holds, as its end would."""
    block_cache.hold_version.cache_clear()
    for descriptor in list(Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(OSError):  # the one that listed them
            if str(descriptor.readlink()) == f"{cached.parent}.lock":
                os.close(int(descriptor.name))


def test_a_block_is_copied_once_into_folders_of_its_user_alone(remote: Path, cache: Path) -> None:
    os.umask(os.umask(0o002))
    block = fetch_block(str(remote), "run", NAME)
    written = (block / "a.npy").stat().st_mtime_ns, (block / "a.npy").stat().st_ino
    assert fetch_block(str(remote), "run", NAME) == block
    assert ((block / "a.npy").stat().st_mtime_ns, (block / "a.npy").stat().st_ino) == written
    for folder in (cache, cache / "blocks", block.parent.parent, block.parent):
        assert folder.stat().st_mode & 0o777 == 0o700, folder


def test_the_default_cache_is_refused_where_it_is_a_link(remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WALKGRAM_CACHE")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / f"walkgram-cache-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LakeError, match="not a link: remove it, or set WALKGRAM_CACHE"):
        fetch_block(str(remote), "run", NAME)
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
@pytest.mark.parametrize("below", ["", "blocks"])
def test_a_cache_that_others_may_write_is_refused(remote: Path, cache: Path, mode: int, below: str) -> None:
    (cache / below).mkdir(parents=True, mode=0o700)
    (cache / below).chmod(mode)
    with pytest.raises(LakeError, match="others may write in this cache: chmod go-w"):
        fetch_block(str(remote), "run", NAME)


def test_a_cache_of_another_user_is_refused(remote: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir(mode=0o700)
    uid = os.getuid()
    monkeypatch.setattr("os.getuid", lambda: uid + 1)
    with pytest.raises(LakeError, match="another user owns this cache: set WALKGRAM_CACHE"):
        fetch_block(str(remote), "run", NAME)


def test_a_truncated_block_and_one_with_another_file_are_copied_again(remote: Path) -> None:
    block = fetch_block(str(remote), "run", NAME)
    (block / "a.npy").write_bytes(b"123")
    assert (fetch_block(str(remote), "run", NAME) / "a.npy").read_bytes() == b"12345"
    (block / "b.npy").touch()
    fetch_block(str(remote), "run", NAME)
    assert [file.name for file in block.iterdir()] == ["a.npy"]


def test_an_incomplete_copy_is_an_error_and_leaves_nothing(remote: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def copy_half(source: str, target: str, **_: Any) -> None:
        (Path(target) / "a.npy").write_bytes(b"12")

    with monkeypatch.context() as patch:
        patch.setattr("pyarrow.fs.copy_files", copy_half)
        with pytest.raises(LakeError, match="not complete: is the disk full"):
            fetch_block(str(remote), "run", NAME)
    block = fetch_block(str(remote), "run", NAME)
    assert sorted(path.name for path in block.parent.iterdir()) == [NAME, f"{NAME}.lock"]


def test_a_missing_block_is_named(remote: Path) -> None:
    with pytest.raises(LakeError, match="block-00007: no such block"):
        fetch_block(str(remote), "run", "block-00007")


def test_a_former_version_goes_once_nobody_holds_it(remote: Path, tmp_path: Path) -> None:
    first = fetch_block(str(remote), "first", NAME)
    assert fetch_block(str(remote), "second", NAME).is_dir()
    assert first.is_dir()
    release(first)
    third = fetch_block(str(remote), "third", NAME)
    assert not first.parent.exists()
    assert not Path(f"{first.parent}.lock").exists()
    assert third.is_dir()


def test_another_process_holds_its_version_until_it_ends(remote: Path) -> None:
    code = (
        "import sys; from walkgram.lake.block_cache import fetch_block\n"
        f"print(fetch_block({str(remote)!r}, 'first', {NAME!r}), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        block = Path(other.stdout.readline().strip())
        fetch_block(str(remote), "second", NAME)
        assert block.is_dir()
        other.communicate("")
    fetch_block(str(remote), "third", NAME)
    assert not block.parent.exists()


def test_the_staged_blocks_of_a_dead_run_go_with_the_next_run_of_the_job(tmp_path: Path) -> None:
    folders = [tmp_path / "lake" / "_staging" / f"graph-{digit * 32}" / "_parts" for digit in "ab"]
    blocks = []
    for folder in folders:
        (folder / NAME).mkdir(parents=True)
        (folder / NAME / "a.npy").write_bytes(b"1")
        blocks.append(fetch_block(str(folder), folder.parent.name, NAME))
        release(blocks[-1])
    assert not blocks[0].exists()
    assert blocks[1].exists()


def test_what_was_unused_for_a_week_goes(remote: Path, tmp_path: Path) -> None:
    old, recent = (fetch_block(str(tmp_path / name), "run", NAME) for name in copy_table(remote, "old", "recent"))
    for block, days in ((old, 8), (recent, 6)):
        release(block)
        past = time.time() - days * 24 * 3600
        os.utime(f"{block.parent}.lock", (past, past))
    fetch_block(str(remote), "run", NAME)
    assert not old.parent.exists()
    assert recent.is_dir()


def copy_table(remote: Path, *names: str) -> tuple[str, ...]:
    for name in names:
        (remote.parent.parent / name / NAME).mkdir(parents=True)
        (remote.parent.parent / name / NAME / "a.npy").write_bytes(b"12345")
    return names


def test_a_lock_that_was_cleared_meanwhile_is_taken_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, flock = tmp_path / "x.lock", fcntl.flock

    def clear_once(descriptor: int, mode: int) -> None:
        flock(descriptor, mode)
        if not (tmp_path / "cleared").exists():
            (tmp_path / "cleared").touch()
            file.rename(tmp_path / "former.lock")
            file.touch()

    monkeypatch.setattr("fcntl.flock", clear_once)
    descriptor = block_cache.hold_lock(file, fcntl.LOCK_SH)
    assert os.fstat(descriptor).st_ino == file.stat().st_ino
    os.close(descriptor)
