"""Plots by matplotlib, as PNG: the loss by epoch, the histogram of degrees."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from walkgram.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_degrees", "plot_loss", "require_matplotlib"]


def require_matplotlib() -> None:
    """Raise `ConfigError` if matplotlib is not installed."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise ConfigError(
            "export.plots = true needs matplotlib: pip install 'walkgram[plots]', or set export.plots=false"
        ) from None


def plot_loss(epochs: Sequence[int], losses: Sequence[float]) -> bytes:
    """Plot the mean loss of each epoch."""
    from matplotlib.ticker import MaxNLocator

    figure = new_figure()
    axes = figure.subplots()
    axes.plot(epochs, losses, marker="o")
    axes.set(xlabel="epoch", ylabel="mean loss", title="Loss by epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return to_png(figure)


def plot_degrees(degree: Sequence[int], nodes: Sequence[int]) -> bytes:
    """Plot the number of nodes of each degree, on logarithmic axes."""
    figure = new_figure()
    axes = figure.subplots()
    axes.scatter(degree, nodes, s=12)
    axes.set(xscale="log", yscale="log", xlabel="degree", ylabel="nodes", title="Degrees of the graph")
    return to_png(figure)


def new_figure() -> "Figure":
    """Create a figure that needs no display and no global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(6.4, 4.0), layout="constrained")


def to_png(figure: "Figure") -> bytes:
    """Render a figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()
