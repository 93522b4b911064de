"""A configuration that cannot be run, in bulk: status 2, one line that names the key, no class name, nothing written."""

import re
from pathlib import Path
from typing import get_args

import pytest

from support.bad_values import BadValue, list_bad_values, to_toml, walk_keys, walk_sections
from walkgram.runtime import cli

CLASS_NAME = re.compile(r"Error|Exception|Traceback|java\.|org\.apache|<class|pydantic")
BAD_VALUES = list(list_bad_values())


def assert_refused(capfd: pytest.CaptureFixture[str], *arguments: str, named: str, command: str = "run") -> None:
    """Assert that a command ends with status 2 and one line, and writes nothing into the working folder."""
    before = sorted(Path.cwd().rglob("*"))
    assert cli.main([command, *arguments]) == 2
    shown = capfd.readouterr()
    lines = shown.err.strip().splitlines()
    assert shown.out == ""
    assert len(lines) == 1, lines
    assert named in lines[0]
    assert not CLASS_NAME.search(lines[0]), lines[0]
    assert sorted(Path.cwd().rglob("*")) == before


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("walkgram.runtime.pipeline.run_job", lambda *_: pytest.fail("a job has started"))


def test_every_key_has_bad_values_and_every_kind_of_fault_occurs() -> None:
    assert {bad.key for bad in BAD_VALUES} == {key for key, _ in walk_keys()}
    reasons = ("wrong type", "not finite", "unknown value", "beyond its limit", "no place")
    counts = {reason: sum(bad.reason == reason for bad in BAD_VALUES) for reason in reasons}
    assert min(counts.values()) >= 10, counts
    assert len(BAD_VALUES) >= 300


def test_every_number_has_a_least_value() -> None:
    """The values above follow from the limits: a limit that is removed would take its case with it."""
    numbers = {
        key: field.metadata for key, field in walk_keys() if {int, float} & {field.annotation, *get_args(field.annotation)}
    }
    limited = {key for key, limits in numbers.items() if any(hasattr(limit, "ge") or hasattr(limit, "gt") for limit in limits)}
    assert set(numbers) - limited == {"interactions.min_rating", "edges.min_weight"}
    assert len(limited) > 40


@pytest.mark.parametrize("bad", BAD_VALUES, ids=lambda bad: bad.id)
def test_a_bad_value_is_refused_by_name(bad: BadValue, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.toml").write_text(to_toml(bad.key, bad.value))
    assert_refused(capfd, "--config", "bad.toml", named=f"bad.toml: {bad.key}")


@pytest.mark.parametrize("section", list(walk_sections()))
def test_an_unknown_key_and_a_value_in_place_of_a_section_are_refused(
    section: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for key, value in ((f"{section}.no_such_key", 3), (section, 3), (section, [3]), (section, "text")):
        (tmp_path / "bad.toml").write_text(to_toml(key, value))
        assert_refused(capfd, "--config", "bad.toml", named=f"bad.toml: {key}")


CONFLICTS = {
    ("pairs.window=3",): "pairs.window",
    ("pairs.max_gap=2.5",): "pairs.max_gap",
    ("train.workers=4",): "train.workers",
    ("train.device=cuda",): "train.device",
    ("train.device=cuda", "train.deterministic=false", "train.workers=2"): "train.workers",
    ("train.dtype=bfloat16",): "train.dtype",
    ("train.patience=2",): "train.patience",
    ("train.placement=row_sharded", "train.validation_walks=5"): "train.validation_walks",
    ("train.placement=row_sharded", "train.warm_start=lake"): "train.warm_start",
    ("train.placement=row_sharded", "train.deterministic=false", "train.device=cuda"): "train.device",
    ("train.placement=row_sharded", "train.deterministic=false", "train.workers=2"): "train.workers",
    ("train.model=word3vec",): "train.model",
    ("train.model=keras_node2vec", "train.warm_start=lake"): "train.warm_start",
    ("train.model=keras_node2vec", "train.num_processes=2"): "train.num_processes",
    ("train.model=keras_node2vec", "train.validation_walks=5"): "train.validation_walks",
    ("train.model=keras_node2vec", "train.placement=row_sharded"): "train.placement",
    ("report.group=zz",): "report.group",
    ("input.items=items.csv", "report.group=zz"): "report.group",
    ("input.item_columns.keep=[]",): "report.group",
    ("input.source=archive",): "input.url",
    ("input.source=archive", "input.url=http://host/a.zip"): "input.sha256",
    ("input.url=no address",): "input.url",
    ("input.url=gopher://host/a",): "input.url",
    ("input.url=http://",): "input.url",
    ('pipeline.tables=["nonsense"]',): "table nonsense",
    ("input.kind=edges", 'pipeline.tables=["baskets"]'): "table baskets",
    ("walks=3",): "walks=3",
    ("walks.p",): "--set walks.p",
    ("walks.p.x=1",): "walks.p",
    ("wlaks.p=1",): "wlaks",
    ("walks.p=0", "train.dim=0"): "train.dim",
}


@pytest.mark.parametrize(("overrides", "named"), CONFLICTS.items(), ids=map(" ".join, CONFLICTS))
def test_overrides_that_contradict_each_other_are_refused(
    overrides: tuple[str, ...], named: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert_refused(capfd, *(part for key in overrides for part in ("--set", key)), named=named)


FILES = {
    "[walks": "not TOML",
    "[walks]\np = 1\np = 2\n": "not TOML",
    "walks = 3\n": "walks",
    "[walks.p]\nx = 1\n": "walks.p",
    "\xff": "bad.toml: not TOML",
    "[input.sha256]\na = 3\n": "input.sha256",
    "[no-such-section]\n": "no-such-section",
}


@pytest.mark.parametrize(("text", "named"), FILES.items(), ids=map(repr, FILES))
def test_a_file_that_is_no_configuration_is_refused(
    text: str, named: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.toml").write_text(text, "latin-1")
    assert_refused(capfd, "--config", "bad.toml", named=named)


@pytest.mark.parametrize("path", ["nowhere.toml", ".", "a\x00b"])
def test_a_file_that_cannot_be_read_is_refused(path: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert_refused(capfd, "--config", path, named="cannot read the configuration")


@pytest.mark.parametrize("command", ["update", "embed_graph", "interactions", "walks", "train", "show", "preflight"])
def test_every_command_refuses(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert_refused(capfd, "--set", "walks.p=0", named="walks.p", command=command)
