"""What a training run shows: a progress bar, lines of JSON, TensorBoard; and how it is asked to stop."""

import json
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from tqdm import tqdm

from walkgram.errors import TrainError

__all__ = ["SignalStop", "TrainMonitor", "open_tensorboard"]

LINE_EVERY = 5.0  # seconds between progress lines
LOG_EVERY = 30.0  # seconds between drawings of the bar where the stream is no terminal

Scalars = Callable[[str, float, int], None]


class TrainMonitor:
    """Tells of a run: `line` takes a line of JSON, `scalars` (name, value, tokens so far); `since`: when imports were done."""

    def __init__(
        self, line: Callable[[str], None] | None = None, scalars: Scalars | None = None, since: float | None = None,
        quiet: bool = False, **about: Any,
    ) -> None:  # fmt: skip
        self.line, self.scalars, self.about, self.quiet = line, scalars, about, quiet
        self.since = time.monotonic() if since is None else since
        self.bar: tqdm[Any] | None = None
        self.first, self.began, self.cpu, self.told, self.before, self.total = False, 0.0, 0.0, 0.0, 0, 0

    def start(self, tokens: int, done: int) -> None:
        """Training begins: tokens of all epochs, tokens that an earlier run has done."""
        self.began, self.cpu, self.before, self.total = time.monotonic(), time.process_time(), done, tokens
        if not self.quiet:
            pause = 0.5 if sys.stderr.isatty() else LOG_EVERY
            self.bar = tqdm(
                total=tokens,
                initial=done,
                unit="tok",
                unit_scale=True,
                desc="train",
                file=sys.stderr,
                mininterval=pause,
                maxinterval=pause,
            )
        self.first, self.told = True, self.began

    def progress(self, epoch: int, epochs: int, tokens: int, loss: float, rate: float) -> None:
        """After every batch; a line after the first, then every LINE_EVERY seconds."""
        if self.first:
            self.first = False
            self.write({"event": "start", "tokens": tokens, "to_first_batch": time.monotonic() - self.since, **self.about})
        if self.bar is not None:
            self.bar.set_description_str(f"epoch {epoch}/{epochs}", refresh=False)
            self.bar.set_postfix_str(f"loss={loss:.4f}, rate={rate:.4f}", refresh=False)
            self.bar.update(tokens - self.bar.n)
        if time.monotonic() - self.told > LINE_EVERY:
            self.tell("progress", tokens, loss, rate, epoch=epoch)

    def tell(self, event: str, tokens: int, loss: float, rate: float, **more: Any) -> None:
        """One line: the event, tokens so far, seconds of this run, tokens a second of this run, the loss and the rate."""
        self.told = time.monotonic()
        seconds = self.told - self.began
        speed = (tokens - self.before) / max(seconds, 1e-9)
        found = {
            "event": event,
            **more,
            "tokens": tokens,
            "of": self.total,
            "seconds": seconds,
            "cpu_seconds": time.process_time() - self.cpu,
        }
        self.write({**found, "loss": loss, "rate": rate, "tokens_per_second": speed})
        if self.scalars is not None:
            for name, value in {"loss": loss, "rate": rate, "tokens_per_second": speed, **more}.items():
                self.scalars(f"train/{name}", float(value), tokens)
        if event in ("end", "stopped") and self.bar is not None:
            self.bar.close()

    def write(self, found: dict[str, Any]) -> None:
        """One line of JSON, with the time of day."""
        if self.line is not None:
            self.line(json.dumps({"time": time.time(), **found}))


def open_tensorboard(folder: str) -> Scalars:
    """What writes TensorBoard's event files. Raises `TrainError` where the package is missing."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise TrainError(
            'train.tensorboard needs TensorBoard: pip install "walkgram[tensorboard]", or leave the key empty'
        ) from None
    writer: Any = SummaryWriter(folder)

    def scalar(name: str, value: float, step: int) -> None:
        writer.add_scalar(name, value, step)
        writer.flush()

    return scalar


class SignalStop:
    """While it is entered, Ctrl-C and SIGTERM ask for a stop after the batches under way; a second Ctrl-C ends at once."""

    def __init__(self) -> None:
        self.signal = 0
        self.before: dict[int, Any] = {}

    def __enter__(self) -> "SignalStop":
        if threading.current_thread() is threading.main_thread():
            self.before = {number: signal.signal(number, self.ask) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def ask(self, number: int, frame: FrameType | None) -> None:
        """The handler."""
        if self.signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number

    @property
    def asked(self) -> bool:
        """Whether a signal came."""
        return self.signal != 0

    @property
    def name(self) -> str:
        """Its name."""
        return signal.Signals(self.signal).name if self.signal else "a signal to another process"

    @property
    def status(self) -> int:
        """The exit status that shells know it by."""
        return 128 + (self.signal or signal.SIGTERM)
