"""The published recipe on MovieLens ml-latest-small: figures that were computed independently, from our tables."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.data
CONF = Path(__file__).parent.parent / "conf" / "movielens.toml"


@pytest.fixture(scope="module")
def lake(spark: Any, movielens: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the complete pipeline with conf/movielens.toml; return its lake."""
    from walkgram.runtime import cli

    folder = tmp_path_factory.mktemp("movielens")
    assert cli.main(["run", "--config", str(CONF), "--set", f"input.path={movielens}", "--set", f"lake.path={folder}"]) == 0
    return folder


def read(lake: Path, table: str) -> pd.DataFrame:
    frame: pd.DataFrame = pq.read_table(lake / table).to_pandas()
    return frame


def test_kept_ratings_users_and_movies(lake: Path) -> None:
    interactions = read(lake, "interactions")
    assert (len(interactions), interactions["user_id"].nunique(), interactions["item_id"].nunique()) == (13_211, 573, 2_954)
    assert (interactions["rating"] >= 5).all()


def test_pairs(lake: Path) -> None:
    pairs = read(lake, "pairs")
    assert len(pairs) == 298_586
    assert (pairs["src"] < pairs["dst"]).all()


def test_edges_and_their_weights(lake: Path) -> None:
    edges = read(lake, "edges")
    ids = read(lake, "vocabulary").set_index("index")["item_id"]
    assert len(edges) == 40_043
    assert len(set(edges["src"]) | set(edges["dst"])) == 1_405
    assert edges["weight"].sum() == pytest.approx(680_250.1673, abs=1e-3)
    assert edges["frequency"].sum() == 136_909
    assert edges["weight"].min() == pytest.approx(10.012476, abs=1e-6)
    assert edges["weight"].max() == pytest.approx(284.550361, abs=1e-6)
    assert edges["weight"].median() == pytest.approx(13.684654, abs=1e-6)
    heaviest = edges.iloc[int(edges["weight"].argmax())]
    assert {ids[heaviest["src"]], ids[heaviest["dst"]]} == {260, 1196}


def test_components_and_degrees(lake: Path) -> None:
    edges = read(lake, "edges")
    graph = nx.Graph(zip(edges["src"], edges["dst"], strict=True))
    assert sorted(map(len, nx.connected_components(graph)), reverse=True) == [1401, 2, 2]
    degrees = [d for _, d in graph.degree()]
    assert (min(degrees), max(degrees), np.median(degrees)) == (1, 506, 26)


def test_walks(lake: Path) -> None:
    walks = read(lake, "walks")
    assert len(walks) == 7_025
    assert set(walks["walk"].map(len)) == {10}
    edges = read(lake, "edges")
    allowed = set(zip(edges["src"], edges["dst"], strict=True)) | set(zip(edges["dst"], edges["src"], strict=True))
    assert all(step in allowed for walk in walks["walk"] for step in pairwise(walk))


def test_examples_and_losses(lake: Path) -> None:
    import json

    counts = json.loads((lake / "embeddings" / "_manifest.json").read_text())["counts"]
    assert counts["raw examples"] == 3_161_250
    assert counts["distinct examples"] == pytest.approx(883_200, rel=0.008)
    losses = read(lake, "losses").set_index("epoch")["loss"]
    assert losses[1] == pytest.approx(2.45, abs=0.03)
    assert losses[10] == pytest.approx(2.31, abs=0.02)


def test_neighbours_are_the_cosines_of_the_vectors(lake: Path) -> None:
    vectors = read(lake, "embeddings").set_index("item_id")["vector"]
    matrix = np.stack(vectors.to_list())
    unit = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    at = {item: i for i, item in enumerate(vectors.index)}
    near = read(lake, "neighbours")
    assert len(near) == 10 * 1_405
    scores = (unit[near["item_id"].map(at)] * unit[near["neighbour_id"].map(at)]).sum(axis=1)
    assert np.allclose(scores, near["score"], atol=1e-5)
    best = np.sort(unit @ unit.T - 2 * np.eye(len(unit)), axis=1)[:, ::-1][:, :10]
    ranked = near.sort_values(["item_id", "rank"]).groupby("item_id")["score"].apply(list)
    assert np.allclose(np.stack(ranked.loc[vectors.index].to_list()), best, atol=1e-5)
