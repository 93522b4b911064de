"""The generated ratings: deterministic, with planted groups, and as dirty as documented."""

import numpy as np

from walkgram.lake.sources import sample


def test_the_sample_is_a_function_of_its_seed() -> None:
    first, second, other = (sample.generate_sample(50, 40, 900, 4, seed) for seed in (1, 1, 2))
    assert first[0].equals(second[0])
    assert first[1].equals(second[1])
    assert not first[0].equals(other[0])


def test_the_sample_has_the_documented_size_groups_and_dirty_rows() -> None:
    ratings, items = sample.generate_sample(300, 400, 20_000, 8, 7)
    assert abs(len(ratings) - 20_000 * 1.017) < 1_500
    assert len(items) == 400
    assert items["group"].value_counts().eq(50).all()
    assert ratings["user_id"].isna().sum() > 0
    assert ratings["item_id"].isna().sum() > 0
    assert ratings.duplicated().sum() > 50
    complete = ratings.dropna()
    assert (complete.drop_duplicates().duplicated(["user_id", "item_id"])).sum() > 100
    assert set(np.unique(complete["rating"])) <= set(np.arange(0.5, 5.5, 0.5))


def test_users_rate_their_groups_more_and_higher() -> None:
    ratings, items = sample.generate_sample(200, 400, 15_000, 8, 7)
    complete = ratings.dropna().merge(items, on="item_id")
    by_group = complete.groupby("user_id")["group"].apply(lambda g: g.value_counts(normalize=True).iloc[0])
    assert by_group.mean() > 3 / 8
    favourite = complete.groupby("user_id")["group"].transform(lambda g: g.value_counts().index[0])
    is_favourite = complete["group"] == favourite
    assert complete[is_favourite]["rating"].mean() > complete[~is_favourite]["rating"].mean() + 0.3


def test_tiny_samples_work() -> None:
    ratings, items = sample.generate_sample(1, 1, 1, 1, 0)
    assert len(ratings) >= 1
    assert len(items) == 1
