"""Item embeddings from co-occurrence: interactions -> pairs -> edges -> graph -> walks -> embeddings -> neighbours.

    from walkgram import Pipeline

The command `walkgram` and the files in jobs/ run the same jobs. README.md of this folder has the architecture.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from walkgram.api import Pipeline

__version__ = "0.2.0"
__all__ = ["Pipeline", "__version__"]


def __getattr__(name: str) -> object:
    """Import the API at first use: kernels and the trainer, which import this package too, must load no Spark."""
    if name == "Pipeline":
        from walkgram.api import Pipeline

        return Pipeline
    raise AttributeError(f"module 'walkgram' has no attribute {name!r}")
