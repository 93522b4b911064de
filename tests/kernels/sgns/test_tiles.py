"""Tiles and window weights against the pairs of the definition."""

from collections import Counter

import numpy as np
import pytest

from support.sgns_batches import RAGGED, list_pairs, make_batch
from walkgram.kernels.sgns import tiles


@pytest.mark.parametrize("window", [1, 3, 60])
@pytest.mark.parametrize("tile_size", [1, 4, 16])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_every_pair_of_the_window_is_in_one_tile_with_its_weight(tile_size: int, window: int, dtype: type) -> None:
    batch = make_batch(RAGGED, window, 1, tile_size, pad=-1)
    cut = tiles.cut_tiles(batch.walks.astype(dtype), batch.lengths.astype(dtype), tile_size, batch.distance_weights)
    pairs: Counter[tuple[int, int, int, int, float]] = Counter()
    for t, i, j in zip(*np.nonzero(cut.pair_weights), strict=True):
        walk, tile = int(cut.walk_index[t]), int(cut.tile_index[t])
        centre, context = tile * tile_size + int(i), tile * tile_size - window + int(j)
        assert cut.centre_mask[t, i]
        assert cut.context_mask[t, j]
        assert (cut.centre_rows[t, i], cut.context_rows[t, j]) == (batch.walks[walk, centre], batch.walks[walk, context])
        pairs[walk, tile, centre, context, float(cut.pair_weights[t, i, j])] += 1
    assert pairs == Counter(list_pairs(batch))


def test_positions_outside_the_walk_are_masked_and_read_row_zero() -> None:
    batch = make_batch(RAGGED, 2, 1, 4, pad=-1)
    cut = tiles.cut_tiles(batch.walks, batch.lengths, 4, batch.distance_weights)
    assert cut.centre_rows.shape[1] == 4
    assert cut.context_rows.shape[1] == 8
    assert not cut.centre_rows[~cut.centre_mask].any()
    assert not cut.context_rows[~cut.context_mask].any()
    assert cut.centre_mask.sum() == sum(len(walk) for walk in RAGGED if len(walk) > 1)
    assert list(zip(cut.walk_index.tolist(), cut.tile_index.tolist(), strict=True)) == [
        (walk, t) for walk, nodes in enumerate(RAGGED) if len(nodes) > 1 for t in range(-(-len(nodes) // 4))
    ]


def test_window_weights_fall_by_distance_or_are_flat() -> None:
    assert tiles.compute_window_weights(4, True).tolist() == [0, 1, 0.75, 0.5, 0.25]
    assert tiles.compute_window_weights(3, False).tolist() == [0, 1, 1, 1]
    assert tiles.compute_window_weights(1, True).dtype == np.float32
