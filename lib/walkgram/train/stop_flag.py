"""A flag that one of several processes sets and the others see, between two collective operations."""

import time
from typing import Protocol

__all__ = ["FlagStore", "StopFlag"]

KEY = "walkgram/stop"
POLL_EVERY = 1.0  # seconds between two looks into the store: each is a round trip to the process that hosts it


class FlagStore(Protocol):
    """What is used of torch.distributed's store, in which the processes have found each other."""

    def set(self, key: str, value: str, /) -> None:
        """Set a key."""

    def check(self, keys: list[str], /) -> bool:
        """Return whether all keys are set, without waiting for them."""


class StopFlag:
    """A request to stop, in a store that all processes share."""

    def __init__(self, store: FlagStore) -> None:
        self.store = store
        self.is_set = False
        self.last_poll = float("-inf")

    def share(self, is_requested: bool) -> bool:
        """Set the flag where this process requests a stop; return whether it is known to be set, after POLL_EVERY at most.

        A store that is gone counts as a set flag: who started the processes (torchrun, Spark) has ended. Where another process
        has ended with it, the next collective operation says so.
        """
        try:
            if is_requested and not self.is_set:
                self.is_set = True
                self.store.set(KEY, "1")
            elif not self.is_set and time.monotonic() - self.last_poll > POLL_EVERY:
                self.last_poll = time.monotonic()
                self.is_set = self.store.check([KEY])
        except RuntimeError:
            self.is_set = True
        return self.is_set
