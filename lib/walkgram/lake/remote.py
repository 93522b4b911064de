"""Remote file systems: what is missing on this machine, seen before pyarrow looks for it, and their errors in one line."""

import contextlib
import ctypes.util
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
from pyarrow import fs

from walkgram.config.locations import HADOOP_SCHEMES, split_scheme
from walkgram.errors import LakeError

__all__ = ["REMOTE_ERRORS", "ask_path", "explain_failure", "open_file_system"]

REMOTE_ERRORS = (ValueError, OSError, pa.ArrowException)
CHECKS = "check the host (such as AWS_ENDPOINT_URL), the network and the credentials"
CHECK_SECONDS = 20  # pyarrow retries Google's storage for 15 minutes, S3 for 6 seconds
# Of the errors of the AWS and Azure libraries: what comes before the cause.
PREAMBLE = re.compile(r"^.*(?:Details: |operation: |failed: |last message of )(?=\S)")
CLASS_NAME = re.compile(r"\b[\w.]*(?:Error|Exception)E?\b:? ?")


def open_file_system(uri: str) -> tuple[fs.FileSystem, str]:
    """Return pyarrow's file system of a remote URI and the path on it. Raises `LakeError` where it cannot be opened."""
    if split_scheme(uri)[0] in HADOOP_SCHEMES:
        require_hadoop(uri)
    try:
        system, path = fs.FileSystem.from_uri(uri.replace("s3a://", "s3://", 1))
    except REMOTE_ERRORS as error:
        raise LakeError(f"{uri}: no such file system: {explain_failure(error)}") from None
    return system, path


def open_for_check(uri: str) -> tuple[fs.FileSystem, str]:
    """Open a file system as `open_file_system` does, so that a host that is not there is reported within seconds."""
    scheme, rest = split_scheme(uri)
    if scheme != "gs":
        return open_file_system(uri)
    anonymous = rest.startswith("anonymous@")
    retries = timedelta(seconds=CHECK_SECONDS)
    return fs.GcsFileSystem(anonymous=anonymous, retry_time_limit=retries), rest.removeprefix("anonymous@")


def require_hadoop(uri: str) -> None:
    """Raise `LakeError` where Hadoop's client is not installed: pyarrow would print a page of its own and of Java's."""
    home = Path(os.environ.get("HADOOP_HOME") or "/nonexistent")
    folders = [Path(os.environ.get("ARROW_LIBHDFS_DIR") or home / "lib" / "native"), home / "lib" / "native"]
    has_library = any((folder / "libhdfs.so").exists() for folder in folders) or ctypes.util.find_library("hdfs") is not None
    has_jars = re.search(r"hadoop-(?:common|client)[^/:]*\.jar", os.environ.get("CLASSPATH", "")) is not None
    has_command = os.access(home / "bin" / "hadoop", os.X_OK) or shutil.which("hadoop") is not None
    missing = [
        *["libhdfs.so"] * (not has_library),
        *["Hadoop's jars (CLASSPATH)"] * (not (has_jars or has_command)),
        *["Java (JAVA_HOME)"] * (not (os.environ.get("JAVA_HOME") or shutil.which("java"))),
    ]
    if missing:
        raise LakeError(
            f"{uri}: Hadoop's client is not on this machine, {' and '.join(missing)} missing: install Hadoop, and set "
            "HADOOP_HOME to its folder and JAVA_HOME to Java's"
        )


def explain_failure(error: BaseException) -> str:
    """Return the cause of an error of pyarrow in one line, without names of classes."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given")
    return CLASS_NAME.sub("", PREAMBLE.sub("", line)).strip()[:300] or "no reason given"


@contextlib.contextmanager
def silence_stderr() -> Iterator[None]:
    """Drop what libraries outside Python write to the standard error stream inside the block (Hadoop's stack traces)."""
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with tempfile.TemporaryFile() as sink:
            os.dup2(sink.fileno(), 2)
            yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)


def ask_path(uri: str) -> fs.FileInfo:
    """Ask a remote file system about a path, with few retries. Raises `LakeError` where it does not answer."""
    is_hadoop = split_scheme(uri)[0] in HADOOP_SCHEMES
    if is_hadoop:
        require_hadoop(uri)
    try:
        with silence_stderr() if is_hadoop else contextlib.nullcontext():
            system, path = open_for_check(uri)
            return system.get_file_info(path)
    except REMOTE_ERRORS as error:
        raise LakeError(f"{uri} cannot be reached: {explain_failure(error)}; {CHECKS}") from None
