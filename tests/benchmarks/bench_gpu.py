"""A GPU's memory as the bound of training on it."""

import report
import torch

PASSES = 3  # over a row that a token uses: it is read, and then read and written to add to it
ROUNDS, SIZE = 20, 1 << 30


def available() -> bool:
    """Whether torch finds a GPU."""
    return torch.cuda.is_available()


def bandwidth() -> float:
    """Bytes per second of copies on the device, read and written bytes counted."""
    here = torch.ones(SIZE, dtype=torch.uint8, device="cuda")
    there = torch.empty_like(here)
    there.copy_(here)
    begun, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begun.record()
    for _ in range(ROUNDS):
        there.copy_(here)
    ended.record()
    torch.cuda.synchronize()
    return 2 * SIZE * ROUNDS / (begun.elapsed_time(ended) / 1e3)


def bound(rate: float, dim: int) -> report.Case:
    """The share of the bandwidth that tokens must use at this rate: bytes a token * tokens per second / bandwidth.

    A token's row of either table in float32 is passed over PASSES times: 2 * PASSES * 4 * dim bytes. Shared negatives are left
    aside, and the walk itself, so the share is rather too low; where the tables fit the device's cache it is no bound.
    """
    needed, most = 2 * PASSES * 4 * dim, bandwidth()
    title = f"{torch.cuda.get_device_name()}, share of the memory bound"
    peer = f"peer: a copy; {needed:,} bytes a token, {most / 1e12:.3g} TB/s, {rate:,.0f} tokens/s"
    return report.Case(title, needed * rate / most, 1.0, peer, "share", None, None)
