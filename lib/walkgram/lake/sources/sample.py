"""The embedded data set: generated ratings with planted groups, popularity, user tastes, and dirty rows.

Items belong to groups; a user likes a few groups, mostly rates items of those, and rates them higher. Popularity falls
as a power of an item's rank. As in real tables some ids are null, some rows are duplicates, some items are rated twice.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd  # every job loads the configuration below, few generate the sample

__all__ = ["SAMPLE_CONFIG", "generate_sample"]

# The default configuration of a job; conf/sample.toml is the same with comments (a test compares them).
SAMPLE_CONFIG: dict[str, Any] = {
    "input": {
        "source": "sample",
        "item_columns": {"title": "title", "lists": ["genres", "tags"], "keep": ["group"]},
    },
    "lake": {"path": "out/sample"},
    "spark": {"cache_zip_directories": True},
    "interactions": {"min_rating": 3.5},
    "pmi": {"normalizer": "users"},
    "edges": {"min_frequency": 3, "min_weight": 1.0},
    "walks": {"num_walks": 10, "walk_length": 40, "p": 1.0, "q": 1.0},
    "train": {"model": "skipgram", "dim": 64, "epochs": 3, "window": 5},
    "report": {"group": "group"},
}

NOUNS = (
    "River",
    "Harbour",
    "Garden",
    "Letter",
    "Engine",
    "Winter",
    "Mirror",
    "Island",
    "Orchard",
    "Signal",
    "Castle",
    "Desert",
)
ADJECTIVES = (
    "Quiet",
    "Crimson",
    "Hidden",
    "Last",
    "Golden",
    "Broken",
    "Distant",
    "Silver",
    "Secret",
    "Burning",
    "Empty",
    "Long",
)
GENRES = ("drama", "comedy", "action", "crime", "fantasy", "horror", "romance", "western", "mystery", "war")
FIRST_TIME = 946_684_800  # 2000-01-01 UTC, in seconds
YEAR = 365 * 86_400


def generate_sample(users: int, items: int, ratings: int, groups: int, seed: int) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Return (ratings, items): about `ratings` rows of user_id, item_id, rating, timestamp, and one row an item.

    The ratings also hold about 1% re-ratings, 0.5% exact duplicates and 0.2% null ids. Deterministic in `seed`.
    """
    import pandas as pd

    rng = np.random.default_rng(seed)
    group = np.arange(items) % groups
    popularity = 1.0 / (1.0 + rng.permutation(items)) ** 0.6
    frames = []
    for user, count in enumerate(draw_activity(rng, users, ratings, items)):
        liked = rng.choice(groups, size=min(groups, int(rng.integers(1, 4))), replace=False)
        weights = popularity * np.where(np.isin(group, liked), 12.0, 1.0)
        chosen = rng.choice(items, size=count, replace=False, p=weights / weights.sum())
        mean = np.where(np.isin(group[chosen], liked), 4.2, 3.0)
        stars = np.clip(np.round(2 * rng.normal(mean, 0.8)) / 2, 0.5, 5.0)
        times = FIRST_TIME + rng.integers(0, 20 * YEAR) + np.sort(rng.integers(0, YEAR, size=count))
        frames.append(pd.DataFrame({"user_id": user + 1, "item_id": chosen + 1, "rating": stars, "timestamp": times}))
    clean = pd.concat(frames, ignore_index=True)
    return add_dirty_rows(rng, clean), describe_items(rng, group)


def draw_activity(rng: np.random.Generator, users: int, ratings: int, items: int) -> np.ndarray:
    """Return the number of ratings of each user (users,), int64: heavy-tailed, at least 1, at most half of the items."""
    share = rng.lognormal(0.0, 0.8, size=users)
    counts = np.clip(np.round(share / share.sum() * ratings), 1, max(1, items // 2))
    return np.asarray(counts, np.int64)


def add_dirty_rows(rng: np.random.Generator, clean: "pd.DataFrame") -> "pd.DataFrame":
    """Add re-ratings at a later time, exact duplicates, and null ids, then shuffle."""
    import pandas as pd

    rerated = clean.sample(frac=0.01, random_state=rng)
    rerated = rerated.assign(rating=np.clip(rerated["rating"] - 0.5, 0.5, 5.0), timestamp=rerated["timestamp"] + YEAR)
    duplicates = clean.sample(frac=0.005, random_state=rng)
    nulls = clean.sample(frac=0.002, random_state=rng).astype({"user_id": "Int64", "item_id": "Int64"})
    half = len(nulls) // 2
    nulls.iloc[:half, 0] = pd.NA
    nulls.iloc[half:, 1] = pd.NA
    table = pd.concat([clean.astype(nulls.dtypes.to_dict()), rerated, duplicates, nulls], ignore_index=True)
    return table.sample(frac=1.0, random_state=rng).reset_index(drop=True)


def describe_items(rng: np.random.Generator, group: np.ndarray) -> "pd.DataFrame":
    """Return the items table of items in `group` (items,): titles, genres (one of the group, one at random), tags, group."""
    import pandas as pd

    items = len(group)
    adjectives, nouns = rng.integers(0, len(ADJECTIVES), items), rng.integers(0, len(NOUNS), items)
    titles = [f"{ADJECTIVES[a]} {NOUNS[n]} {i + 1}" for i, (a, n) in enumerate(zip(adjectives, nouns, strict=True))]
    extra = rng.integers(0, len(GENRES), items)
    genres = ["|".join(dict.fromkeys((GENRES[g % len(GENRES)], GENRES[e]))) for g, e in zip(group, extra, strict=True)]
    random_tags, has_no_tags = rng.integers(0, 50, items), rng.random(items) < 0.2
    tags = ["" if is_empty else f"tag{g}|tag{t}" for g, t, is_empty in zip(group, random_tags, has_no_tags, strict=True)]
    names = [f"group {g}" for g in group]
    return pd.DataFrame({"item_id": np.arange(items) + 1, "title": titles, "genres": genres, "tags": tags, "group": names})
