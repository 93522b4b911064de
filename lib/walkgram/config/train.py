"""The keys of the trainer."""

from typing import Literal

from pydantic import model_validator

from walkgram.config.base import Section, key
from walkgram.config.locations import Location

__all__ = ["KerasNode2VecConfig", "SkipgramConfig", "Train"]


class KerasNode2VecConfig(Section):
    """Model `keras_node2vec`, the published recipe: counted (target, context, label) examples over one shared table."""

    batch_size: int = key(1024, "examples of a batch; the last partial batch is dropped", "examples", ge=1)
    shuffle_buffer: int = key(2048, "examples in the buffer that batches are drawn from", "examples", ge=1)
    learning_rate: float = key(1e-3, "Adam's rate", gt=0)
    l2: float = key(1e-6, "factor of the sum of squares of the table in the loss", ge=0)
    exclude_positives: bool = key(False, "never draw a negative that is a positive pair of the same walk set")


class SkipgramConfig(Section):
    """Model `skipgram`: windows streamed over walks, in and out tables, negatives shared by a tile of centres."""

    tile: int = key(8, "neighbouring centres that share negatives, with gradients at one point", "nodes", ge=1)
    shared_negatives: int = key(48, "negatives drawn for a tile", "nodes", ge=1)
    ns_exponent: float = key(0.75, "exponent of the token counts in the negatives' distribution", ge=0)
    dynamic_window: bool = key(
        True, "weigh a context at distance d by (window - d + 1) / window, as word2vec's drawn windows do; false: all by 1"
    )
    subsample: float = key(
        0.0, "word2vec's t: a token of frequency f is kept with probability sqrt(t/f) + t/f; 0: all are", ge=0
    )
    init_norm: float = key(0.3, "root mean square length of the vectors at the start", gt=0)
    output: Literal["vector", "mean"] = key(
        "vector", "vector: both tables as `vector` and `context_vector`; mean: their mean as `vector` alone"
    )
    learning_rate: float = key(0.025, "rate at the start", gt=0)
    min_learning_rate: float = key(1e-4, "rate at the end of the linear decay", ge=0)
    batch_walks: int = key(
        512,
        "walks of a batch; on a GPU they move the tables in one step, with row_sharded their rows are fetched together",
        "walks",
        ge=1,
    )


class Train(Section):
    """The trainer."""

    model: str = key("skipgram", "the model (lib/walkgram/train/README.md, Models)", min_length=1)
    dim: int = key(64, "numbers of a vector", ge=1, le=65_536)
    epochs: int = key(3, "passes over the walks", ge=1)
    window: int = key(10, "reach of the context on each side", "nodes", ge=1)
    negatives: int = key(5, "negatives for each positive", ge=0)
    seed: int = key(7, "seed of the first tables, the order and the negatives", ge=0, lt=2**63)
    deterministic: bool = key(True, "the same seed gives the same vectors, bit for bit; false: threads may share the tables")
    workers: int = key(
        0,
        "skipgram on a CPU: threads that share the tables, in each process; 0: one where deterministic, else one a core",
        "threads",
        ge=0,
    )
    torch_threads: int = key(1, "torch's threads (model keras_node2vec)", ge=1)
    num_processes: int = key(
        1,
        "skipgram: processes that Spark starts as one barrier stage, a task each, on CPUs but for device = cuda; "
        "torchrun starts its own: leave 1",
        ge=1,
    )
    sync_tokens: float = key(
        2.0, "several processes: tokens for each row of the tables, by all of them, between two exchanges", "tokens", gt=0
    )
    placement: Literal["replicated", "row_sharded"] = key(
        "replicated",
        "replicated: every process has both tables; row_sharded: the rows are spread over the processes, for tables beyond the "
        "memory of one (on CPUs, a thread each)",
    )
    device: Literal["auto", "cpu", "cuda"] = key(
        "auto", "skipgram: where the tables lie; auto: the CPU where deterministic, else cuda where there is one"
    )
    dtype: Literal["float32", "bfloat16"] = key("float32", "skipgram on cuda: numbers of the tables")
    warm_start: Location = key(
        "", '"lake": start at this lake\'s last embeddings, where there are any; or the folder of an embeddings table'
    )
    validation_walks: int = key(0, "walks, about so many, that measure the loss of each epoch and train nothing", "walks", ge=0)
    patience: int = key(0, "end after so many epochs without a lower validation loss; 0: never", "epochs", ge=0)
    checkpoint_minutes: float = key(10.0, "a checkpoint at least this often, besides each epoch's", "minutes", gt=0)
    tensorboard: Location = key("", 'folder of TensorBoard\'s event files (extra `tensorboard`); "": none')
    run_id: str = key("", 'run_id of the embeddings; "": from the configuration and the walks')
    keras_node2vec: KerasNode2VecConfig = key(KerasNode2VecConfig, "")
    skipgram: SkipgramConfig = key(SkipgramConfig, "")

    @model_validator(mode="after")
    def check(self) -> "Train":
        """Raise `ValueError` for keys that contradict each other."""
        if self.deterministic and self.workers > 1:
            raise ValueError(
                f"train.workers = {self.workers} needs train.deterministic = false: the order of threads is not fixed"
            )
        if self.deterministic and self.device == "cuda":
            raise ValueError("train.device = cuda needs train.deterministic = false: the order of its additions is not fixed")
        if self.device == "cuda" and self.workers > 1:
            raise ValueError(f"train.workers = {self.workers} is for the CPU: with train.device = cuda leave it out")
        if self.dtype != "float32" and self.device != "cuda":
            raise ValueError(f"train.dtype = {self.dtype} needs train.device = cuda: on the CPU the tables are float32")
        if self.patience and not self.validation_walks:
            raise ValueError("train.patience needs train.validation_walks: they give the loss that must fall")
        if self.placement == "row_sharded":
            conflicts = {
                "validation_walks": self.validation_walks > 0,
                "warm_start": bool(self.warm_start),
                "device = cuda": self.device == "cuda",
                f"workers = {self.workers}": self.workers > 1,
            }
            for name in (name for name, is_set in conflicts.items() if is_set):
                raise ValueError(f"train.{name} is for train.placement = \"replicated\"; leave it out for 'row_sharded'")
        return self
