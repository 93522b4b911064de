"""The log of lines beside the tables."""

import logging
from pathlib import Path

import pytest

from walkgram.lake import paths
from walkgram.lake.logs import JsonLinesLog, read_last_line


def test_every_run_appends_to_the_log(tmp_path: Path) -> None:
    assert read_last_line(str(tmp_path), "train") == ""
    for line in ("one", "two"):
        with JsonLinesLog(str(tmp_path), "train") as log:
            log.add_line(line)
    assert (tmp_path / "_logs" / "train.jsonl").read_text() == "one\ntwo\n"
    assert read_last_line(str(tmp_path), "train") == "two"


def test_a_log_that_cannot_be_written_gives_one_warning_and_ends_no_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "_logs").write_text("a file where the folder should be")
    with JsonLinesLog(str(tmp_path), "train") as log:
        log.add_line("one")
        log.add_line("two")
    warnings = [record for record in caplog.records if "the log cannot be written" in record.getMessage()]
    assert [(record.name, record.levelno) for record in warnings] == [("walkgram.lake.logs", logging.WARNING)]


def test_a_log_on_an_object_store_is_uploaded_as_one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    uploads: list[bytes] = []
    monkeypatch.setattr(paths, "local_path", lambda _: None)
    monkeypatch.setattr(paths, "exists", lambda _: True)
    monkeypatch.setattr(paths, "read_bytes", lambda _: b"zero\n")
    monkeypatch.setattr(paths, "write_bytes", lambda _, data: uploads.append(data))
    with JsonLinesLog("s3://bucket/lake", "train") as log:
        log.add_line("one")
        log.add_line("two")
        assert uploads == []
    assert uploads == [b"zero\none\ntwo\n"]
