"""Remote file systems that cannot be used: one line and status 2, before anything is written."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pyarrow import fs

from walkgram.errors import LakeError
from walkgram.lake import remote
from walkgram.runtime import cli

KEYS = ("lake.path", "input.path")
BAD_URIS = {
    "s3://": "names no bucket",
    "s3:///folder": "names no bucket",
    "s3:/bucket": "two slashes",
    "s3://bucket:9000/a": "a key, a password or a port",
    "s3://bucket/a?region=x": "query",
    "gs://": "names no bucket",
    "gcs://x": "write gs://",
    "s3n://x": "write s3://",
    "S3://x": "write s3://",
    "foo://x": "no file system that walkgram knows: there are file://, s3://",
    "http://host/a": "download the file",
    "hdfs://host/": "names no folder",
    "abfs://container/a": "no container and account",
    "file://": "names no path",
    "file:": "names no path",
    "file:///": "names no path",
    "file://host/a": "three slashes",
    "~nobody-of-this-name/a": "no user of the name",
    "a\x00b": "NUL byte",
    "a\nb": "control character",
    " ": "blank",
}


def assert_refused(message: str, capfd: pytest.CaptureFixture[str], *keys: str) -> None:
    """Assert that a run ends with status 2 and one line that holds `message`."""
    assert cli.main(["run", *(part for key in keys for part in ("--set", key))]) == 2
    shown = capfd.readouterr()
    lines = (shown.out + shown.err).strip().splitlines()
    assert len(lines) == 1, lines
    assert message in lines[0]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("walkgram.runtime.pipeline.run_job", lambda *_: pytest.fail("a job has started"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(("uri", "message"), BAD_URIS.items(), ids=map(repr, BAD_URIS))
def test_a_uri_that_cannot_be_meant_is_refused(
    key: str, uri: str, message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert_refused(message, capfd, "lake.path=lake", f"{key}={uri}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", KEYS)
def test_an_endpoint_that_does_not_answer_is_named_soon(
    key: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("ENDPOINT_URL", "http://127.0.0.1:9"), ("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "b")):
        monkeypatch.setenv(f"AWS_{name}", value)
    started = time.monotonic()
    assert_refused(f"{key} s3://bucket/a cannot be reached", capfd, "lake.path=lake", f"{key}=s3://bucket/a")
    assert time.monotonic() - started < 30
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("uri", ["hdfs:///a", "hdfs://host:8020/a", "viewfs:///a"])
def test_hdfs_without_hadoop_names_what_is_missing(
    key: str, uri: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HADOOP_HOME", "ARROW_LIBHDFS_DIR", "CLASSPATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("ctypes.util.find_library", lambda _: None)
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert_refused("libhdfs.so and Hadoop's jars (CLASSPATH)", capfd, "lake.path=lake", f"{key}={uri}")
    assert list(tmp_path.iterdir()) == []


def test_hadoop_is_found_by_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in ("lib/native/libhdfs.so", "bin/hadoop"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch(0o755)
    monkeypatch.setenv("HADOOP_HOME", str(tmp_path))
    monkeypatch.setenv("JAVA_HOME", "/java")
    remote.require_hadoop("hdfs:///a")
    (tmp_path / "bin" / "hadoop").unlink()
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(LakeError, match="Hadoop's jars"):
        remote.require_hadoop("hdfs:///a")


def test_the_retries_of_google_are_few_in_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr("pyarrow.fs.GcsFileSystem", lambda **options: given.update(options) or fs.LocalFileSystem())
    assert remote.ask_path("gs://anonymous@/tmp").type == fs.FileType.Directory
    assert given == {"anonymous": True, "retry_time_limit": timedelta(seconds=remote.CHECK_SECONDS)}


def test_a_failure_is_explained_in_one_line_without_class_names() -> None:
    text = "When getting 'x': AWS Error NETWORK_CONNECTION during HeadObject operation: curlCode: 7; Details: no host\nmore"
    assert remote.explain_failure(OSError(text)) == "no host"
    assert remote.explain_failure(OSError("java.net.UnknownHostException: nowhere\n\tat a.b")) == "nowhere"
    assert remote.explain_failure(OSError("")) == "no reason given"


def test_what_libraries_print_is_dropped_during_the_check(capfd: pytest.CaptureFixture[str]) -> None:
    import os

    with remote.silence_stderr():
        os.write(2, b"a stack trace")
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"
