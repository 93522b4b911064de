"""Secrets in text: the one place that hides them, for manifests, logs, messages and stack traces.

A secret is a user with a password in a URI (`http://user:pass@host`, `s3://KEY:SECRET@bucket`), or the value of a query
parameter, such as `X-Amz-Signature`, `sig` or `token`. Query values are hidden unless their names are known to be harmless,
because no list of secret names is complete. A secret in the path of a URL cannot be distinguished from a folder.
"""

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["HIDDEN", "redact", "redact_values"]

HIDDEN = "***"
HARMLESS = {
    "download",
    "dl",
    "format",
    "raw",
    "version",
    "x-amz-algorithm",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-signedheaders",
}

# Up to the last @ before the path. A name alone is no secret where it is part of the place: a container of Azure (abfs), a
# user of HDFS, Google's "anonymous".
USER_INFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^\s/?#]*)@")
NAMED_SCHEMES = ("abfs", "abfss", "hdfs", "viewfs")
# A secret may hold a slash: what follows a colon and is no port belongs to it, and nothing is a port in a bucket's address.
RAW_PASSWORD = re.compile(
    r"(?:(?<=s3)|(?<=s3a)|(?<=s3n)|(?<=gs))://[^\s/?#@]*:\S*|://[^\s/?#@\[\]]*:(?!\d{0,5}(?:[/?#\s'\"),;\]]|:?\s|:?$))\S*"
)
PARAMETER = re.compile(r"([?&;])([\w.~%+-]+)=([^\s&#'\"<>]*)")
BARE_QUERY = re.compile(r"(://[^\s?]*\?)[^\s=&#'\"]+(?=[&#\s'\"]|$)")


def redact(text: str) -> str:
    """Return the text with `***` in place of the users, passwords and query values of URIs."""
    if "://" in text:
        text = RAW_PASSWORD.sub(_hide_password, text)
        text = USER_INFO.sub(_hide_user, text)
        text = BARE_QUERY.sub(rf"\1{HIDDEN}", text)
    return PARAMETER.sub(_hide_parameter, text) if "=" in text else text


def redact_values(value: Any) -> Any:
    """Return a tree of mappings and lists with every text in it redacted, keys included."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {redact_values(key): redact_values(each) for key, each in value.items()}
    return [redact_values(each) for each in value] if isinstance(value, list) else value


def _hide_password(match: re.Match[str]) -> str:
    _, at, rest = match[0].rpartition("@")
    return f"://{HIDDEN}@{rest}" if at else f"://{HIDDEN}"


def _hide_user(match: re.Match[str]) -> str:
    scheme, user = match.groups()
    is_name = ":" not in user and (scheme.lower() in NAMED_SCHEMES or (scheme, user) == ("gs", "anonymous"))
    return match[0] if is_name else f"{scheme}://{HIDDEN}@"


def _hide_parameter(match: re.Match[str]) -> str:
    sign, name, value = match.groups()
    return f"{sign}{name}={value if name.lower() in HARMLESS else HIDDEN}"
