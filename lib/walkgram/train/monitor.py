"""The monitor of a training run: progress bar, lines of JSON, TensorBoard; and its stop by a signal."""

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
    """Reports of a run: `write_line` takes a line of JSON, `scalars` (name, value, tokens so far).

    start_time: when imports were done, on the clock of time.monotonic; labels: further fields of the first line.
    """

    def __init__(
        self, write_line: Callable[[str], None] | None = None, scalars: Scalars | None = None,
        start_time: float | None = None, is_quiet: bool = False, **labels: Any,
    ) -> None:  # fmt: skip
        self.write_line, self.scalars = write_line, scalars
        self.labels, self.is_quiet = labels, is_quiet
        self.start_time = time.monotonic() if start_time is None else start_time
        self.bar: tqdm[Any] | None = None
        self.is_first_batch = False
        self.train_start = self.cpu_start = self.last_log_time = 0.0
        self.resumed_tokens = self.total_tokens = 0

    def start(self, tokens: int, done: int) -> None:
        """Start the bar and the clocks; tokens: of all epochs, done: those of the run that is resumed."""
        self.train_start, self.cpu_start = time.monotonic(), time.process_time()
        self.resumed_tokens, self.total_tokens = done, tokens
        if not self.is_quiet:
            interval = 0.5 if sys.stderr.isatty() else LOG_EVERY
            self.bar = tqdm(
                total=tokens,
                initial=done,
                unit="tok",
                unit_scale=True,
                desc="train",
                file=sys.stderr,
                mininterval=interval,
                maxinterval=interval,
            )
        self.is_first_batch, self.last_log_time = True, self.train_start

    def update(self, epoch: int, epochs: int, tokens: int, loss: float, rate: float) -> None:
        """Update the bar after a batch; write a line after the first one, then every LINE_EVERY seconds."""
        if self.is_first_batch:
            self.is_first_batch = False
            seconds = time.monotonic() - self.start_time
            self.write({"event": "start", "tokens": tokens, "to_first_batch": seconds, **self.labels})
        if self.bar is not None:
            self.bar.set_description_str(f"epoch {epoch}/{epochs}", refresh=False)
            self.bar.set_postfix_str(f"loss={loss:.4f}, rate={rate:.4f}", refresh=False)
            self.bar.update(tokens - self.bar.n)
        if time.monotonic() - self.last_log_time > LINE_EVERY:
            self.log("progress", tokens, loss, rate, epoch=epoch)

    def log(self, event: str, tokens: int, loss: float, rate: float, **extra: Any) -> None:
        """Write one line: the event, tokens so far, seconds and tokens a second of this run, the loss and the rate."""
        self.last_log_time = time.monotonic()
        seconds = self.last_log_time - self.train_start
        speed = (tokens - self.resumed_tokens) / max(seconds, 1e-9)
        fields = {
            "event": event,
            **extra,
            "tokens": tokens,
            "of": self.total_tokens,
            "seconds": seconds,
            "cpu_seconds": time.process_time() - self.cpu_start,
        }
        self.write({**fields, "loss": loss, "rate": rate, "tokens_per_second": speed})
        if self.scalars is not None:
            for name, value in {"loss": loss, "rate": rate, "tokens_per_second": speed, **extra}.items():
                self.scalars(f"train/{name}", float(value), tokens)
        if event in ("end", "stopped"):
            self.close()

    def close(self) -> None:
        """Draw the bar for the last time and end its line, so that a message can follow."""
        if self.bar is not None:
            self.bar.close()

    def write(self, fields: dict[str, Any]) -> None:
        """Write one line of JSON, with the time of day."""
        if self.write_line is not None:
            self.write_line(json.dumps({"time": time.time(), **fields}))


def open_tensorboard(folder: str) -> Scalars:
    """Return a function that writes TensorBoard's event files. Raises `TrainError` where the package is missing."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise TrainError(
            'train.tensorboard needs TensorBoard: pip install "walkgram[tensorboard]", or leave the key empty'
        ) from None
    writer: Any = SummaryWriter(folder)

    def write_scalar(name: str, value: float, step: int) -> None:
        writer.add_scalar(name, value, step)
        writer.flush()

    return write_scalar


class SignalStop:
    """Inside a `with` block, Ctrl-C and SIGTERM request a stop after the batches in flight; a second Ctrl-C raises at once."""

    def __init__(self) -> None:
        self.signal = 0
        self.former_handlers: dict[int, Any] = {}

    def __enter__(self) -> "SignalStop":
        if threading.current_thread() is threading.main_thread():
            self.former_handlers = {number: signal.signal(number, self.handle) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self.former_handlers.items():
            signal.signal(number, handler)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Note the signal."""
        if self.signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number

    @property
    def is_requested(self) -> bool:
        """Whether a signal came."""
        return self.signal != 0

    @property
    def name(self) -> str:
        """The name of the signal."""
        return signal.Signals(self.signal).name if self.signal else "a signal to another process"

    @property
    def status(self) -> int:
        """The exit status that shells give it."""
        return 128 + (self.signal or signal.SIGTERM)
