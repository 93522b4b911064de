"""The keys that name a folder, a file or an address: what can be refused from the text alone, before anything is written."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from walkgram.errors import ConfigError
from walkgram.redaction import redact

__all__ = ["FAULT", "Location", "Url", "require_location", "split_scheme"]

FAULT = "location"  # pydantic's type of these errors; the messages never show the value, which may hold a secret
BUCKET_SCHEMES = ("s3", "s3a", "gs")
CONTAINER_SCHEMES = ("abfs", "abfss")
HADOOP_SCHEMES = ("hdfs", "viewfs")
SCHEMES = ("file", *BUCKET_SCHEMES, *CONTAINER_SCHEMES, *HADOOP_SCHEMES)
OTHER_NAMES = {"gcs": "gs", "s3n": "s3", "wasb": "abfs", "wasbs": "abfss", "adl": "abfs"}
CREDENTIALS = {
    **dict.fromkeys(("s3", "s3a"), "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role of the provider chain"),
    "gs": "GOOGLE_APPLICATION_CREDENTIALS, or the account of the machine",
    **dict.fromkeys(CONTAINER_SCHEMES, "AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or the account of the machine"),
}


def split_scheme(uri: str) -> tuple[str, str]:
    """Return the scheme and what follows `://`; the scheme of a path is "". `file:` needs no slashes."""
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", uri)
    if match:
        return match[1], uri[match.end() :]
    return ("file", uri.removeprefix("file:")) if uri.startswith("file:") else ("", uri)


def find_fault(value: str) -> str:
    """Return what is wrong with a path or URI and how to mend it, "" where nothing is."""
    scheme, rest = split_scheme(value)
    if not value:
        return ""
    if not value.strip():
        return "the path is blank: name a folder or file"
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in value):
        return "the path holds a NUL byte or another control character: remove it"
    if scheme == "":
        return find_path_fault(value)
    if scheme == "file":
        return find_file_fault(value, rest)
    if scheme in ("http", "https", "ftp"):
        return f"{scheme}:// is no file system: download the file, or set input.source = archive and input.url"
    if scheme not in SCHEMES:
        near = OTHER_NAMES.get(scheme.lower(), scheme.lower())
        known = ", ".join(f"{name}://" for name in SCHEMES)
        hint = f"write {near}://" if near in SCHEMES else f"there are {known} and local paths"
        return f"{redact(scheme)}:// is no file system that walkgram knows: {hint}"
    return find_remote_fault(scheme, rest)


def find_path_fault(value: str) -> str:
    """Return what is wrong with a local path."""
    start = re.match(r"([a-z0-9]+):", value)
    if start and start[1] in (*SCHEMES, *OTHER_NAMES):
        return f"a URI has two slashes behind the colon: write {start[1]}://..., or ./{start[1]}:... for a local folder"
    if value.startswith("~"):
        try:
            Path(value).expanduser()
        except RuntimeError:
            return "there is no user of the name behind ~: write the path in full, or ./~... for a local file"
    return ""


def find_file_fault(value: str, rest: str) -> str:
    """Return what is wrong with a file: URI."""
    rest = rest.removeprefix("localhost") if rest.startswith("localhost/") else rest
    if not rest.strip("/"):
        return "the file: URI names no path: write file:///folder"
    if value.startswith("file://") and not rest.startswith("/"):
        return "a file: URI has no host: write three slashes, file:///folder, or a plain path"
    return ""


def find_remote_fault(scheme: str, rest: str) -> str:
    """Return what is wrong with a URI of an object store or of HDFS."""
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    user, at, name = host.rpartition("@")
    is_container = scheme in CONTAINER_SCHEMES
    is_secret = ":" in user or (at and scheme in BUCKET_SCHEMES and (scheme, user) != ("gs", "anonymous"))
    if is_secret or (":" in name and (scheme not in HADOOP_SCHEMES or not re.fullmatch(r"[^:]*:\d+", name))):
        remedy = CREDENTIALS.get(scheme, "HADOOP_USER_NAME, or Kerberos")
        return (
            f"the {scheme}:// URI holds a key, a password or a port, which manifests and logs would keep: leave it out, and "
            f"give credentials by the environment ({remedy})"
        )
    if "?" in rest or "#" in rest:
        return f"the {scheme}:// URI holds a query (? or #): give options by the environment, such as AWS_ENDPOINT_URL"
    if scheme in BUCKET_SCHEMES and not name:
        return f"the URI names no bucket: write {scheme}://bucket/folder"
    if is_container and not (user and name):
        return f"the URI names no container and account: write {scheme}://container@account.dfs.core.windows.net/folder"
    if scheme in HADOOP_SCHEMES and not rest.partition("/")[2].strip("/"):
        return f"the URI names no folder: write {scheme}://host:8020/folder, or {scheme}:///folder for the default host"
    return ""


def require_location(key: str, value: str) -> None:
    """Raise `ConfigError` for a path or URI that cannot be used."""
    fault = find_fault(value)
    if fault:
        raise ConfigError(f"{key}: {fault}")


def check_location(value: str) -> str:
    """Return the path or URI. Raises pydantic's error where it cannot be used."""
    fault = find_fault(value)
    if fault:
        raise PydanticCustomError(FAULT, "{fault}", {"fault": fault})
    return value


def check_url(value: str) -> str:
    """Return the address of a download; a password or a signature may be in it. Raises pydantic's error for any other text."""
    if value and not re.fullmatch(r"(?:https?|ftp)://[^\s/?#'\"<>\x00-\x1f]+[^\s'\"<>\x00-\x1f\x7f]*", value):
        fault = "no address: write http://, https:// or ftp:// and a host, with %20 for blanks and %27, %22 for quotes"
        raise PydanticCustomError(FAULT, "{fault}", {"fault": fault})
    return value


Location = Annotated[str, AfterValidator(check_location)]
"""A path or URI of a folder or file, without credentials."""

Url = Annotated[str, AfterValidator(check_url)]
"""An address to download from; `redact` hides its secrets wherever it is shown or stored."""
