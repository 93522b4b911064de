"""The public archive, from a local server: download, cache, checksums, and errors."""

import hashlib
import http.server
import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from walkgram.errors import InputError
from walkgram.lake.sources import archive

FILES = {"ratings.csv": b"userId,movieId,rating,timestamp\n1,1,5,1\n", "movies.csv": b"movieId,title,genres\n1,One,a|b\n"}
SHA = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}


def zip_files(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        for name, data in files.items():
            out.writestr(f"ml-latest-small/{name}", data)
    return buffer.getvalue()


@pytest.fixture
def server() -> Iterator[Any]:
    """Run a server that sends `server.body` for every path and counts requests in `server.hits`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            httpd.hits += 1
            self.send_response(200 if httpd.body else 404)
            self.send_header("Content-Length", str(len(httpd.body)))
            self.end_headers()
            self.wfile.write(httpd.body)

        def log_message(self, *_: object) -> None:
            pass

    httpd: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.body, httpd.hits = zip_files(FILES), 0
    httpd.url = f"http://127.0.0.1:{httpd.server_port}/ml-latest-small.zip"
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield httpd
    httpd.shutdown()
    httpd.server_close()


def test_an_archive_is_downloaded_once_and_unpacked(server: Any, tmp_path: Path) -> None:
    folder = Path(archive.fetch_archive(server.url, SHA, str(tmp_path)))
    assert {f.name: f.read_bytes() for f in folder.iterdir()} == FILES
    assert archive.fetch_archive(server.url, SHA, str(tmp_path)) == str(folder)
    assert server.hits == 1


def test_a_file_that_differs_from_its_checksum_is_refused_and_removed(server: Any, tmp_path: Path) -> None:
    server.body = zip_files({**FILES, "movies.csv": b"other"})
    with pytest.raises(InputError, match=r"movies\.csv .*differs from its SHA-256"):
        archive.fetch_archive(server.url, SHA, str(tmp_path))
    server.body = zip_files(FILES)
    assert (Path(archive.fetch_archive(server.url, SHA, str(tmp_path))) / "movies.csv").read_bytes() == FILES["movies.csv"]


def test_an_archive_without_checksums_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"input\.sha256: name the archive's files"):
        archive.fetch_archive("http://127.0.0.1:9/a.zip", {}, str(tmp_path))


def test_an_archive_without_the_file_is_refused(server: Any, tmp_path: Path) -> None:
    server.body = zip_files({"ratings.csv": FILES["ratings.csv"]})
    with pytest.raises(InputError, match=r"holds no movies\.csv"):
        archive.fetch_archive(server.url, SHA, str(tmp_path))


@pytest.mark.parametrize("body", [b"", b"no zip at all"])
def test_a_download_that_is_not_a_zip_archive_is_refused_and_removed(server: Any, tmp_path: Path, body: bytes) -> None:
    server.body = body
    with pytest.raises(InputError, match="INPUT="):
        archive.fetch_archive(server.url, SHA, str(tmp_path))
    server.body = zip_files(FILES)
    assert archive.fetch_archive(server.url, SHA, str(tmp_path))


def test_offline_the_error_names_INPUT(tmp_path: Path) -> None:  # noqa: N802
    with pytest.raises(InputError, match=r"cannot be downloaded .*INPUT="):
        archive.fetch_archive("http://127.0.0.1:9/ml-latest-small.zip", SHA, str(tmp_path))


def test_the_pipeline_reads_the_archive(server: Any, job: Callable[..., int], tmp_path: Path) -> None:
    more = [
        f"input.sha256={{'ratings.csv'='{SHA['ratings.csv']}', 'movies.csv'='{SHA['movies.csv']}'}}",
        f"input.url={server.url}",
    ]
    more += [f"input.cache={tmp_path / 'cache'}", f"lake.path={tmp_path / 'lake'}"]
    conf = Path(__file__).parents[3] / "conf" / "movielens.toml"
    assert job("interactions", "--config", str(conf), *(part for key in more for part in ("--set", key))) == 0
    assert (tmp_path / "lake" / "items").is_dir()
