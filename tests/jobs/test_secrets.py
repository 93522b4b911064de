"""No secret of a URI reaches the lake, the cache or an output stream: keys in paths are refused, those in input.url hidden."""

import hashlib
import http.server
import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pooch
import pytest

from walkgram.config.locations import Location
from walkgram.config.schema import Config
from walkgram.errors import ConfigError
from walkgram.runtime import cli

RATINGS = b"user_id,item_id,rating,timestamp\n" + b"".join(b"%d,%d,5,1\n" % (u, i) for u in range(5) for i in range(5))
SECRETS = ("hunter2", "S1gnature", "T0ken")


def list_location_keys(model: Any = Config, prefix: str = "") -> Iterator[str]:
    """Yield the keys that name a folder or file."""
    for name, field in model.model_fields.items():
        if hasattr(field.annotation, "model_fields"):
            yield from list_location_keys(field.annotation, f"{prefix}{name}.")
        elif set(field.metadata) & set(Location.__metadata__):  # type: ignore[attr-defined]
            yield f"{prefix}{name}"


@pytest.fixture
def server() -> Iterator[Any]:
    """Run a server that sends a zip of ratings where `server.is_open`, else status 403."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("ratings.csv", RATINGS)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_known = "Authorization" in self.headers and SECRETS[1] in self.path
            self.send_response(200 if httpd.is_open and is_known else 403)
            self.send_header("Content-Length", str(len(archive.getvalue())))
            self.end_headers()
            self.wfile.write(archive.getvalue())

        def log_message(self, *_: object) -> None:
            pass

    httpd: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.is_open = True
    host = f"reader:{SECRETS[0]}@127.0.0.1:{httpd.server_port}"
    httpd.url = f"http://{host}/a.zip?X-Amz-Signature={SECRETS[1]}&version=2&token={SECRETS[2]}"
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield httpd
    httpd.shutdown()
    httpd.server_close()


def assert_hidden(folder: Path, *texts: str) -> None:
    """Assert that no file under the folder, no name of one and no text holds a secret."""
    files = list(folder.rglob("*"))
    contents = [file.read_bytes() for file in files if file.is_file()]
    for secret in SECRETS:
        assert not [file for file in files if secret in file.name], secret
        assert not [content for content in contents if secret.encode() in content], secret
        assert not [text for text in texts if secret in text], secret


def test_a_password_and_a_signature_of_the_download_are_hidden_everywhere(
    server: Any, job: Callable[..., int], tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    digest = hashlib.sha256(RATINGS).hexdigest()
    keys = [
        *("input.source=archive", f"input.url={server.url}", f"input.sha256={{'ratings.csv'='{digest}'}}"),
        *(f"input.cache={tmp_path / 'cache'}", "input.interactions=ratings.csv", f"lake.path={tmp_path / 'lake'}"),
    ]
    pooch.get_logger().addHandler(caplog.handler)
    options = [part for key in keys for part in ("--set", key)]
    assert job("interactions", "--verbose", *options) == 0
    manifest = (tmp_path / "lake" / "interactions" / "_manifest.json").read_text()
    assert "http://***@127.0.0.1" in manifest
    assert "version=2" in manifest
    assert job("interactions", *options) == 0
    assert job("show", *options) == 0
    shown = capfd.readouterr()
    assert "up to date" in shown.out.splitlines()[-4]
    assert "Downloading data from 'http://***@127.0.0.1" in caplog.text
    server.is_open = False
    options[options.index(f"input.cache={tmp_path / 'cache'}")] = f"input.cache={tmp_path / 'other'}"
    assert job("interactions", "--verbose", *options) == 2
    refused = capfd.readouterr()
    assert "http://***@127.0.0.1" in refused.err
    assert "Traceback" in refused.err
    assert_hidden(tmp_path, *shown, *refused, caplog.text)


@pytest.mark.parametrize("key", list(list_location_keys()))
def test_a_key_in_a_path_is_refused_and_not_shown(key: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for uri in (f"s3://AKIA:{SECRETS[0]}/x@bucket/a", f"s3a://{SECRETS[1]}@bucket", f"abfs://c:{SECRETS[2]}@account/a"):
        assert cli.main(["run", "--verbose", "--set", f"lake.path={tmp_path / 'lake'}", "--set", f"{key}={uri}"]) == 2
        shown = capfd.readouterr()
        assert f"{key}: the {uri.partition(':')[0]}:// URI holds a key" in shown.err
        assert "(given:" not in shown.err
        assert ("AWS_ACCESS_KEY_ID" if uri.startswith("s3") else "AZURE_CLIENT_ID") in shown.err
        assert_hidden(tmp_path, *shown)
    assert list(tmp_path.iterdir()) == []


def test_the_keys_that_name_a_place_are_found() -> None:
    expected = {"lake.path", "input.path", "input.items", "input.nodes", "merge.upserts", "walks.starts", "train.warm_start"}
    assert expected < set(list_location_keys())


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", f"s3://AKIA:{SECRETS[0]}@bucket"],
        [f"http://u:{SECRETS[0]}@host"],
        ["run", "--config", f"http://u:{SECRETS[0]}@host/a.toml"],
        ["run", "--set", f"input=http://u:{SECRETS[0]}@host"],
        ["run", "--set", f"walks.p=http://u:{SECRETS[0]}@host"],
        ["run", "--set", f"input.url=ftp://u:{SECRETS[0]}@host/a b"],
        ["show", f"s3://AKIA:{SECRETS[0]}@bucket"],
        ["preflight", f"s3://AKIA:{SECRETS[0]}@bucket"],
    ],
)
def test_an_argument_that_is_refused_shows_no_secret(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    try:
        status = cli.main(arguments)
    except SystemExit as done:
        status = int(done.code or 0)
    shown = capfd.readouterr()
    assert status == 2
    assert len(shown.err.strip().splitlines()) == 1
    assert SECRETS[0] not in shown.out + shown.err


def test_a_stack_trace_shows_no_secret(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(f"no answer from http://u:{SECRETS[0]}@host")

    monkeypatch.setattr(cli, "load_config", fail)
    assert cli.main(["run", "--verbose"]) == 1
    shown = capfd.readouterr().err
    assert "Traceback" in shown
    assert "RuntimeError: no answer from http://***@host" in shown
    assert SECRETS[0] not in shown


def test_the_api_refuses_a_key_in_a_path(tmp_path: Path) -> None:
    from walkgram import Pipeline

    with pytest.raises(ConfigError, match=r"lake\.path: the s3:// URI holds a key") as error:
        Pipeline(lake=f"s3://AKIA:{SECRETS[0]}@bucket")
    assert SECRETS[0] not in str(error.value)
    with pytest.raises(ConfigError, match=r"input\.path: the s3:// URI holds a key"):
        Pipeline(lake=tmp_path / "lake").run(f"s3://AKIA:{SECRETS[0]}@bucket")
    assert not (tmp_path / "lake").exists()
