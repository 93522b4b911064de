"""A public archive, downloaded once into a cache and checked file by file."""

from collections.abc import Mapping
from pathlib import Path

import pooch
import requests

from walkgram.errors import InputError

__all__ = ["fetch_archive"]


def fetch_archive(url: str, sha256: Mapping[str, str], cache: str) -> str:
    """The folder with the files of `sha256`, taken from the zip archive at `url`; later calls find it in the cache.

    A progress bar shows the download. Raises `InputError` where the archive cannot be had, or where a file is missing
    from it or differs from its checksum (what was downloaded is then removed).
    """
    if not sha256:
        raise InputError("input.sha256: name the archive's files and their SHA-256, so that what comes can be checked")
    root = Path(cache).expanduser() if cache else Path(pooch.os_cache("walkgram"))
    name = url.rpartition("/")[2] or "archive.zip"
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
    except Exception as error:  # zipfile.BadZipFile and its kin
        (root / name).unlink(missing_ok=True)
        raise InputError(f"{url}: not a zip archive ({error}): removed from {root}, try again or give INPUT=folder") from None
    folders = {find_verified(unzipped, file, digest, root / name) for file, digest in sha256.items()}
    return str(folders.pop())


def find_verified(unzipped: list[str], file: str, digest: str, archive: Path) -> Path:
    """The folder of a file whose SHA-256 is as expected; otherwise the cached archive is removed."""
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
