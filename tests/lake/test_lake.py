"""Staging and commit, manifests, block files, Parquet as Arrow sees it."""

import contextlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from walkgram.errors import LakeError
from walkgram.lake import manifest, parquet, paths
from walkgram.lake.blocks import Blocks


def mark(job: str = "edges", code: str = "1") -> manifest.Manifest:
    return manifest.make_manifest(job, {"a": 1}, {"pairs": "x"}, code)


def put(root: Path, text: str, made: manifest.Manifest) -> None:
    with manifest.Transaction(str(root), made, ["edges"]) as out:
        paths.write_bytes(paths.join_path(out.folder("edges"), "part"), text.encode())


def test_a_commit_shows_the_table_whole_with_its_manifest(tmp_path: Path) -> None:
    made = mark()
    put(tmp_path, "first", made)
    assert (tmp_path / "edges" / "part").read_text() == "first"
    found = manifest.require_manifest(str(tmp_path), "edges", "edges")
    assert (found.id, found.run, found.job) == (made.id, made.run, "edges")
    put(tmp_path, "second", mark())
    assert (tmp_path / "edges" / "part").read_text() == "second"
    assert not list((tmp_path / "_staging").iterdir())


def test_a_failure_leaves_the_former_table(tmp_path: Path) -> None:
    put(tmp_path, "first", mark())
    with pytest.raises(RuntimeError), manifest.Transaction(str(tmp_path), mark(), ["edges"]) as out:
        paths.write_bytes(paths.join_path(out.folder("edges"), "part"), b"half")
        raise RuntimeError
    assert (tmp_path / "edges" / "part").read_text() == "first"
    assert not list((tmp_path / "_staging").iterdir())


def test_a_table_that_was_not_written_changes_nothing(tmp_path: Path) -> None:
    put(tmp_path, "first", mark())
    with (
        pytest.raises(LakeError, match="wrote no other"),
        manifest.Transaction(str(tmp_path), mark(), ["edges", "other"]) as out,
    ):
        paths.write_bytes(paths.join_path(out.folder("edges"), "part"), b"second")
    assert (tmp_path / "edges" / "part").read_text() == "first"


def test_identity_depends_on_code_configuration_and_inputs_but_not_on_the_run() -> None:
    assert mark().id == mark().id
    assert mark().run != mark().run
    assert mark(code="2").id != mark().id
    assert manifest.make_manifest("edges", {"a": 2}, {"pairs": "x"}, "1").id != mark().id
    assert manifest.make_manifest("edges", {"a": 1}, {"pairs": "y"}, "1").id != mark().id


def test_a_table_without_a_manifest_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "edges").mkdir()
    assert manifest.read_manifest(str(tmp_path), "edges") is None
    with pytest.raises(LakeError, match=r"run jobs/edges\.py first"):
        manifest.require_manifest(str(tmp_path), "edges", "edges")


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    put(tmp_path, "first", mark())
    (tmp_path / "edges" / "_manifest.json").write_text("{")
    with pytest.raises(LakeError, match=r"_manifest\.json: damaged"):
        manifest.read_manifest(str(tmp_path), "edges")


def test_the_code_version_is_stable() -> None:
    assert manifest.code_version() == manifest.code_version()
    assert manifest.code_version().startswith("0.")


def test_blocks_come_back_mapped_and_the_first_attempt_stays(tmp_path: Path) -> None:
    store = Blocks(str(tmp_path), "run")
    store.write(3, {"a": np.arange(5), "none": np.empty(0, np.uint32)})
    store.write(3, {"a": np.zeros(5, int)})
    block = store.open(3)
    assert block["a"].tolist() == [0, 1, 2, 3, 4]
    assert len(block["none"]) == 0
    assert isinstance(block["a"], np.memmap)
    assert store.count() == 1
    assert [p.name for p in tmp_path.iterdir()] == ["block-00003"]


def test_a_missing_or_truncated_block_is_named(tmp_path: Path) -> None:
    store = Blocks(str(tmp_path), "run")
    with pytest.raises(LakeError, match="no block there"):
        store.open(0)
    store.write(1, {"a": np.arange(1000)})
    file = tmp_path / "block-00001" / "a.npy"
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(LakeError, match=r"a\.npy: damaged block"):
        store.open(1)


def test_parquet_is_written_streamed_and_counted(tmp_path: Path) -> None:
    schema = pa.schema([("x", pa.int64())])
    batches = [pa.record_batch([pa.array([1, 2])], schema=schema), pa.record_batch([pa.array([3])], schema=schema)]
    assert parquet.write_table(str(tmp_path / "t"), schema, batches) == 3
    assert parquet.count_rows(str(tmp_path / "t")) == 3
    assert parquet.read_table(str(tmp_path / "t"))["x"].to_pylist() == [1, 2, 3]
    assert parquet.write_table(str(tmp_path / "empty"), schema, []) == 0
    assert parquet.read_table(str(tmp_path / "empty")).schema == schema


def test_a_bare_path_is_local_and_other_places_are_uris(tmp_path: Path) -> None:
    assert paths.spark_uri(str(tmp_path)) == f"file://{tmp_path}"
    assert paths.spark_uri("s3://bucket/lake") == "s3a://bucket/lake"
    assert paths.resolve(f"file://{tmp_path}/a b")[1] == f"{tmp_path}/a b"
    with pytest.raises(LakeError, match="no such file system"):
        paths.resolve("nothing://x/y")


def put_both(root: Path, text: str, resume: bool = False) -> None:
    """Write two tables in one transaction."""
    with manifest.Transaction(str(root), mark(), ["edges", "losses"], resume) as out:
        for table in ("edges", "losses"):
            paths.write_bytes(paths.join_path(out.folder(table), "part"), text.encode())


def break_off(patch: pytest.MonkeyPatch, at: int) -> None:
    """Interrupt the `at`-th rename, before it is done."""
    moves, real = [0], paths.move

    def move(source: str, target: str) -> None:
        moves[0] += 1
        if moves[0] == at:
            raise KeyboardInterrupt
        real(source, target)

    patch.setattr(paths, "move", move)


@pytest.mark.parametrize("broken", [1, 2, 3, 4])
def test_a_commit_that_breaks_off_brings_the_former_tables_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: int
) -> None:
    put_both(tmp_path, "first")
    break_off(monkeypatch, broken)
    with pytest.raises(KeyboardInterrupt):
        put_both(tmp_path, "second")
    assert [(tmp_path / t / "part").read_text() for t in ("edges", "losses")] == ["first", "first"]
    assert manifest.read_manifest(str(tmp_path), "edges") is not None


def test_a_table_that_a_killed_commit_had_moved_aside_comes_back(tmp_path: Path) -> None:
    put(tmp_path, "first", mark())
    aside = tmp_path / "_staging" / "edges-dead" / "_former-edges"
    aside.parent.mkdir(parents=True)
    (tmp_path / "edges").rename(aside)
    with pytest.raises(RuntimeError), manifest.Transaction(str(tmp_path), mark(), ["edges"]):
        raise RuntimeError
    assert (tmp_path / "edges" / "part").read_text() == "first"


@pytest.mark.parametrize("killed", [1, 2, 3, 4, 5])
def test_a_killed_commit_is_undone_for_all_its_tables_or_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: int
) -> None:
    put_both(tmp_path, "first")
    with monkeypatch.context() as kill:
        break_off(kill, killed)
        kill.setattr(paths, "remove", lambda _: None)
        kill.setattr(manifest.Transaction, "roll_back", lambda *_: None)
        with contextlib.suppress(KeyboardInterrupt):
            put_both(tmp_path, "second")
    manifest.recover_commit(str(tmp_path), mark().job)
    found = {(tmp_path / table / "part").read_text() for table in ("edges", "losses")}
    assert found == {"first" if killed < 5 else "second"}
    put_both(tmp_path, "third")
    assert {(tmp_path / table / "part").read_text() for table in ("edges", "losses")} == {"third"}


def make(root: Path, job: str, *names: str) -> manifest.Manifest:
    """Run a job that makes these tables; its manifest."""
    made = manifest.make_manifest(job, {}, {}, "1")
    with manifest.Transaction(str(root), made, names) as out:
        for name in names:
            paths.write_bytes(paths.join_path(out.folder(name), "part"), b"x")
            out.rows[name] = 1
    return made


def test_what_was_made_together_with_a_replaced_table_goes_with_it(tmp_path: Path) -> None:
    make(tmp_path, "interactions", "interactions", "vocabulary", "items")
    make(tmp_path, "pairs", "baskets")
    make(tmp_path, "load_edges", "vocabulary", "edges")
    assert {f.name for f in tmp_path.iterdir()} == {"_staging", "vocabulary", "edges", "baskets"}


def test_what_was_made_together_with_a_replaced_table_stays_where_the_run_reads_it(tmp_path: Path) -> None:
    make(tmp_path, "merge", "interactions", "vocabulary", "items", "pairs")
    with manifest.Transaction(str(tmp_path), manifest.make_manifest("pairs", {}, {"interactions": "x"}, "1"), ["pairs"]) as out:
        paths.write_bytes(paths.join_path(out.folder("pairs"), "part"), b"x")
    assert {f.name for f in tmp_path.iterdir()} == {"_staging", "interactions", "vocabulary", "items", "pairs"}


def test_tables_made_together_with_another_making_of_each_other_are_refused(tmp_path: Path) -> None:
    make(tmp_path, "interactions", "interactions", "vocabulary")
    (tmp_path / "interactions").rename(tmp_path / "_aside")
    make(tmp_path, "load_edges", "vocabulary", "edges")
    (tmp_path / "_aside").rename(tmp_path / "interactions")
    inputs = {name: manifest.require_manifest(str(tmp_path), name, name) for name in ("interactions", "vocabulary", "edges")}
    with pytest.raises(LakeError, match=r"interactions was made together with another vocabulary .* run jobs/interactions\.py"):
        manifest.check_lineage(inputs, {})
    manifest.check_lineage({name: inputs[name] for name in ("vocabulary", "edges")}, {})


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("killed", [1, 3])
def test_a_run_killed_while_it_commits_is_made_good_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: int, resume: bool
) -> None:
    put_both(tmp_path, "first", resume)
    with monkeypatch.context() as kill:  # nothing after it is done
        break_off(kill, killed)
        kill.setattr(paths, "remove", lambda _: None)
        kill.setattr(manifest.Transaction, "roll_back", lambda *_: None)
        with pytest.raises(KeyboardInterrupt):
            put_both(tmp_path, "second", resume)
    put_both(tmp_path, "third", resume)
    assert [(tmp_path / t / "part").read_text() for t in ("edges", "losses")] == ["third", "third"]
    assert not list((tmp_path / "_staging").iterdir())
