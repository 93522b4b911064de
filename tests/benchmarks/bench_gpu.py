"""The memory bandwidth of a GPU as the bound of training on it."""

import report
import torch

PASSES = 3  # over a row that a token uses: one read, then a read and a write to add to it
ROUNDS, SIZE = 20, 1 << 30


def has_gpu() -> bool:
    """Return whether torch finds a GPU."""
    return torch.cuda.is_available()


def measure_bandwidth() -> float:
    """Return bytes per second of copies on the device, read and written bytes counted."""
    source = torch.ones(SIZE, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    target.copy_(source)
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(ROUNDS):
        target.copy_(source)
    end.record()
    torch.cuda.synchronize()
    milliseconds: float = start.elapsed_time(end)
    return 2 * SIZE * ROUNDS / (milliseconds / 1e3)


def bandwidth_case(rate: float, dim: int) -> report.Case:
    """Return the share of the bandwidth that tokens need at a rate: bytes per token * tokens per second / bandwidth.

    A token's row of either float32 table is passed over PASSES times: 2 * PASSES * 4 * dim bytes. The shared negatives and
    the walk are left out, so the share is a lower bound; where the tables fit the device's cache it is no bound.
    """
    token_bytes, bandwidth = 2 * PASSES * 4 * dim, measure_bandwidth()
    title = f"{torch.cuda.get_device_name()}, share of the memory bandwidth"
    peer = f"peer: a copy; {token_bytes:,} bytes per token, {bandwidth / 1e12:.3g} TB/s, {rate:,.0f} tokens/s"
    return report.Case(title, token_bytes * rate / bandwidth, 1.0, peer, "share", None, None)
