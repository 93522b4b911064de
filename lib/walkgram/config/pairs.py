"""The keys from interactions to edges: what is kept, counted, weighed and cut."""

from typing import Literal

from pydantic import model_validator

from walkgram.config.base import Section, key

__all__ = ["Edges", "Interactions", "Merge", "Pairs", "Pmi"]


class Interactions(Section):
    """Which interactions are kept."""

    min_rating: float | None = key(None, "least rating that is kept (a null rating then fails); none: all are kept", "rating")

    keep_rejected: bool = key(
        False, "write what min_rating leaves out to the table `interactions_rejected`: merges need it to be exact"
    )


class Merge(Section):
    """A day's changes, read as the input is (input.columns, .format, .bad_rows, ...)."""

    upserts: str = key(
        "", 'new and changed interactions: of a (user, item) the latest time stays, then the higher rating; "": none'
    )
    deletes: str = key("", 'user and item ids whose interactions go, before those of merge.upserts are added; "": none')


class Pairs(Section):
    """Pair counts."""

    mode: Literal["basket", "sequence"] = key(
        "basket", "basket: every pair of a user's items; sequence: directed pairs, dst came strictly later than src"
    )
    window: int = key(0, "sequence: dst at most this many of the user's distinct times after src; 0: any", "positions", ge=0)
    max_gap: float = key(0.0, "sequence: dst at most this long after src; 0: any", "seconds", ge=0, le=1e11)
    user_weight: Literal["none", "inverse_log_degree", "inverse_degree"] = key(
        "none", "what a user with d items adds to the support of a pair: 1, 1 / ln(1 + d) or 1 / d"
    )
    max_items_per_user: int = key(
        0, "most items of a user that count, chosen by hash; 0: all (README: Pairs says what it biases)", "items", ge=0
    )
    seed: int = key(7, "seed of the choice by max_items_per_user", ge=0, lt=2**63)
    write_table: bool = key(False, "write the pairs table; the edges are the same either way")
    min_frequency: int = key(1, "least frequency of a row of the pairs table; merges need 1", "users", ge=1)
    blocks: int = key(0, "blocks of users that the counters read; 0: from the data's size", ge=0)
    tasks: int = key(0, "tasks that count, and files that they write; 0: from the work", ge=0)
    counter_columns: int = key(1 << 24, "partners of an item that a task counts at a time, 16 bytes each", "items", ge=1)

    @model_validator(mode="after")
    def check(self) -> "Pairs":
        """A reach is one of sequences."""
        for name in ("window", "max_gap"):
            if self.mode == "basket" and getattr(self, name):
                raise ValueError(f'pairs.{name} is for sequences: set pairs.mode = "sequence"')
        return self


class Pmi(Section):
    """The weight of an edge."""

    normalizer: Literal["interactions", "users"] = key("interactions", "what N in pmi is: kept interactions, or users")
    weight: Literal["pmi_frequency", "pmi", "ppmi", "npmi", "shifted", "frequency", "cosine"] = key(
        "pmi_frequency", "formula of the weight (README: Weights)"
    )
    shift: float = key(5.0, "k of shifted: max(pmi - ln k, 0)", gt=0)
    smoothing: float = key(1.0, "exponent a of context smoothing, f(y)^a / sum f^a; 1: none", gt=0, le=1)


class Edges(Section):
    """Which pairs become edges."""

    min_weight: float = key(0.0, "least weight of an edge; a weight must in any case be above 0")
    min_frequency: int = key(1, "least number of users of both items", "users", ge=1)
    min_item_frequency: int = key(1, "least number of users of either item", "users", ge=1)
    top_k: int = key(0, "keep the k heaviest edges of a node, ties included; either end keeps an edge; 0: all", "edges", ge=0)
