"""The progress line: what it shows on a terminal and in a log, and that it never stands in the work's way."""

import io
import itertools
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from walkgram.runtime import progress


class Stream(io.StringIO):
    """A stream that is a terminal, or not."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.isatty = lambda: terminal  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def short_intervals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(progress, "PATIENCE", 0.02)
    monkeypatch.setattr(progress, "LOG_EVERY", 0.02)
    yield
    assert "progress" not in {thread.name for thread in threading.enumerate()}


def wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)


def render_progress(terminal: bool, count: progress.Count, lines: int = 1) -> str:
    """Return the stream's text after a body that ends once it has `lines` progress lines."""
    stream = Stream(terminal)
    with progress.show_progress("walks", count, stream):
        wait(lambda: stream.getvalue().count("/s]") >= lines)
    return stream.getvalue()


def test_a_log_gets_whole_lines_of_what_is_done() -> None:
    done = itertools.count(2500, 100)
    lines = render_progress(False, lambda: (next(done), 10_000), 3).splitlines()
    assert len(lines) >= 3
    for line, number in zip(lines, ("2.50k", "2.60k", "2.70k"), strict=False):
        assert re.search(rf"\b{number}/10\.0k .*/s\]$", line)
        assert re.match(rf"walks:  {float(number[:-1]) * 10:.0f}%\|", line)
        assert len(line) <= 100
    assert not set("\r\033") & set("".join(lines))


def test_a_terminal_gets_one_line_that_is_wiped_at_the_end() -> None:
    text = render_progress(True, lambda: (50, 200))
    assert re.search(r"^\rwalks:  25%\|.* 50\.0/200 .*/s\]\033\[K", text)
    assert text.endswith("\r\033[K")
    assert "\n" not in text


@pytest.mark.parametrize("terminal", [True, False])
def test_quick_bodies_and_unknown_totals_show_nothing(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    calls: list[int] = []

    def unknown() -> tuple[int, int]:
        calls.append(1)
        return 0, 0

    stream = Stream(terminal)
    monkeypatch.setattr(progress, "PATIENCE", 60.0)
    start_time = time.monotonic()
    with progress.show_progress("walks", unknown, stream):
        pass
    assert time.monotonic() - start_time < 5
    assert not calls
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with progress.show_progress("walks", unknown, stream):
        wait(lambda: len(calls) > (0 if terminal else 2))
    assert calls
    assert stream.getvalue() == ""


def test_what_an_earlier_run_had_done_is_not_in_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, done = itertools.chain([100.0, 110.0], itertools.repeat(120.0)), itertools.chain([60], itertools.repeat(80))
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    first, second = render_progress(False, lambda: (next(done), 100), 2).splitlines()[:2]
    assert "60.0/100 [00:10<?, ?/s]" in first
    assert "80.0/100 [00:20<00:20, 1.00/s]" in second


@pytest.mark.parametrize("good", [0, 2])
@pytest.mark.parametrize("terminal", [True, False])
def test_a_count_that_fails_ends_the_line_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, terminal: bool, good: int
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda failed: print(failed, file=sys.stderr))  # pytest's own says no word
    calls, stream = [], Stream(terminal)

    def count() -> tuple[int, int]:
        calls.append(1)
        if len(calls) > good:
            raise OSError("the lake is away")
        return 1, 4

    with progress.show_progress("walks", count, stream):
        wait(lambda: len(calls) > good)
    assert stream.getvalue().count("/s]") == good
    assert stream.getvalue() == "" or stream.getvalue().endswith("\r\033[K" if terminal else "/s]\n")
    assert capsys.readouterr().err == ""


def test_a_body_that_fails_fails_and_the_line_goes(capsys: Any) -> None:
    stream = Stream(True)
    with pytest.raises(KeyboardInterrupt), progress.show_progress("walks", lambda: (1, 4), stream):
        wait(lambda: "/s]" in stream.getvalue())
        raise KeyboardInterrupt
    assert stream.getvalue().endswith("\r\033[K")
    assert capsys.readouterr().err == ""


def test_the_line_stands_on_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(False)
    monkeypatch.setattr(sys, "stderr", stream)
    with progress.show_progress("walks", lambda: (3, 4)):
        wait(stream.getvalue)
    assert "3.00/4.00" in stream.getvalue()
