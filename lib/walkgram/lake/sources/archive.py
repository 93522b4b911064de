"""Download a public archive once into a cache and check it file by file."""

import logging
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pooch
import requests

from walkgram.errors import InputError
from walkgram.redaction import redact

__all__ = ["fetch_archive"]


def fetch_archive(url: str, sha256: Mapping[str, str], cache: str) -> str:
    """Download the zip archive at `url` into the cache, once, and return the folder with the files named in `sha256`.

    A progress bar shows the download. Raises `InputError` if the archive cannot be downloaded or unpacked, or if a file is
    missing from it or differs from its checksum (the downloaded files are then removed).
    """
    if not sha256:
        raise InputError("input.sha256: name the archive's files and their SHA-256, so that the download can be checked")
    root = Path(cache).expanduser() if cache else Path(pooch.os_cache("walkgram"))
    name = unquote(urlsplit(url).path).rpartition("/")[2] or "archive.zip"
    pooch.get_logger().addFilter(redact_record)
    try:
        unzipped = pooch.retrieve(
            url,
            known_hash=None,
            fname=name,
            path=root,
            processor=pooch.Unzip(extract_dir=f"{name}.d"),
            progressbar=True,
        )
    except (requests.RequestException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0][:200]
        raise InputError(
            f"{url} cannot be downloaded ({reason}): give the unpacked folder instead, INPUT=folder or --set input.path=folder"
        ) from None
    except Exception as error:  # zipfile.BadZipFile and others
        (root / name).unlink(missing_ok=True)
        raise InputError(f"{url}: not a zip archive ({error}): removed from {root}, try again or give INPUT=folder") from None
    folders = {find_verified(unzipped, file, digest, root / name) for file, digest in sha256.items()}
    return str(folders.pop())


def redact_record(record: logging.LogRecord) -> bool:
    """Hide the secrets of a log record; a filter of pooch's logger, which logs the address that it downloads."""
    record.msg, record.args = redact(record.getMessage()), ()
    return True


def find_verified(unzipped: list[str], file: str, digest: str, archive: Path) -> Path:
    """Return the folder of a file and check its SHA-256. Raises `InputError`; a wrong digest also removes the cached files."""
    for candidate in map(Path, unzipped):
        if candidate.name == file:
            if pooch.file_hash(str(candidate)) == digest:
                return candidate.parent
            archive.unlink(missing_ok=True)
            for extracted in map(Path, unzipped):
                extracted.unlink(missing_ok=True)
            raise InputError(
                f"{file} from {archive.name} differs from its SHA-256 {digest}: removed, try again or give INPUT=folder"
            )
    raise InputError(f"{archive} holds no {file}: check input.url, or give INPUT=folder")
