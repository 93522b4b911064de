"""Sections from interactions to edges: filters, pair counts, weights."""

from typing import Literal

from pydantic import model_validator

from walkgram.config.base import Section, key
from walkgram.config.locations import Location

__all__ = ["Edges", "Interactions", "Merge", "Pairs", "Pmi"]


class Interactions(Section):
    """Filters of the interactions, in this order: blocklists, users, items, core, rating."""

    block_users: Location = key("", 'table of users to leave out (column input.columns.user_id); "": none')
    block_items: Location = key("", 'table of items to leave out (column input.columns.item_id); "": none')
    min_user_items: int = key(0, "least distinct items of a user; 0: no limit", "items", ge=0)
    max_user_items: int = key(0, "most distinct items of a user, against robots; 0: no limit", "items", ge=0)
    min_item_users: int = key(0, "least distinct users of an item, after the limits of users; 0: no limit", "users", ge=0)
    core: int = key(
        0,
        "k of the k-core: users and items with fewer rows are removed until every one has k or more; 0: no core",
        "rows",
        ge=0,
    )
    min_rating: float | None = key(
        None, "least rating of a row of `interactions`; null ratings fail it; none: no filter", "rating"
    )
    keep_rejected: bool = key(
        False, "write the rows below min_rating to the table `interactions_rejected`; an exact merge needs them"
    )

    @model_validator(mode="after")
    def check_limits(self) -> "Interactions":
        """Raise `ValueError` where no user can have so few and so many items."""
        if 0 < self.max_user_items < self.min_user_items:
            raise ValueError(f"interactions.max_user_items = {self.max_user_items} is below interactions.min_user_items")
        return self


class Merge(Section):
    """A day's changes, read with the keys of the input (input.columns, .format, .bad_rows, ...)."""

    upserts: Location = key(
        "", 'table of new and changed interactions; of a (user, item) the latest time wins, then the higher rating; "": none'
    )
    deletes: Location = key(
        "",
        "table of what is deleted before merge.upserts is added: rows by user and item id; or, as its only column, users by "
        'user id or items by item id; "": none',
    )


class Pairs(Section):
    """Pair counts."""

    mode: Literal["basket", "sequence"] = key(
        "basket", "basket: every pair of a user's items; sequence: directed pairs, dst strictly later than src"
    )
    window: int = key(0, "sequence: most distinct times of the user from src to dst; 0: no limit", "positions", ge=0)
    max_gap: float = key(0.0, "sequence: most time from src to dst; 0: no limit", "seconds", ge=0, le=1e11)
    user_weight: Literal["none", "inverse_log_degree", "inverse_degree"] = key(
        "none", "weight of a user with d items in the support of a pair: 1, 1 / ln(1 + d) or 1 / d"
    )
    max_items_per_user: int = key(
        0, "most items of a user, sampled by hash; 0: all (jobs/README.md, Pairs: the bias of the sample)", "items", ge=0
    )
    seed: int = key(7, "seed of the sample of max_items_per_user", ge=0, lt=2**63)
    write_table: bool = key(False, "write the pairs table; the edges do not depend on it")
    min_frequency: int = key(1, "least frequency of a row of the pairs table; a merge needs 1", "users", ge=1)
    blocks: int = key(0, "blocks of users' lists; 0: from the number of interactions", ge=0)
    tasks: int = key(0, "tasks that count pairs, and files of the result; 0: from the number of co-occurrences", ge=0)
    counter_columns: int = key(1 << 24, "partners of an item in a task's counter, 16 bytes each", "items", ge=1)

    @model_validator(mode="after")
    def check_mode(self) -> "Pairs":
        """Raise `ValueError` where a limit of sequences is set in another mode."""
        for name in ("window", "max_gap"):
            if self.mode == "basket" and getattr(self, name):
                raise ValueError(f'pairs.{name} is for sequences: set pairs.mode = "sequence"')
        return self


class Pmi(Section):
    """The weight of an edge."""

    normalizer: Literal["interactions", "users"] = key("interactions", "N of pmi: the number of interactions, or of users")
    weight: Literal["pmi_frequency", "pmi", "ppmi", "npmi", "shifted", "frequency", "cosine"] = key(
        "pmi_frequency", "formula of the weight (jobs/README.md, Weights)"
    )
    shift: float = key(5.0, "k of shifted: max(pmi - ln k, 0)", gt=0)
    smoothing: float = key(1.0, "exponent a of context smoothing, f(y)^a / sum f^a; 1: no smoothing", gt=0, le=1)


class Edges(Section):
    """Filter of the edges."""

    min_weight: float = key(0.0, "least weight of an edge; weights of 0 and below never make an edge")
    min_frequency: int = key(1, "least number of users who have both items", "users", ge=1)
    min_item_frequency: int = key(1, "least number of users of each of the two items", "users", ge=1)
    top_k: int = key(
        0, "k heaviest edges of each node, with ties; an edge stays if it is among those of either end; 0: all", "edges", ge=0
    )
