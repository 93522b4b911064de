"""The job neighbours: the configuration selects the metric."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support import lakes
from support.toy_metric import CHEBYSHEV
from walkgram import tables
from walkgram.kernels.knn.registry import METRICS
from walkgram.lake import manifest
from walkgram.lake.transaction import Transaction

POINTS = {"a": [1.0, 0.0], "b": [3.0, 0.0], "c": [1.0, 1.5]}  # b is in the direction of a, c is nearer to it


@pytest.fixture
def lake(spark: Any, tmp_path: Path) -> Path:
    """Write a lake with the embeddings of POINTS."""
    lake, schema = tmp_path / "lake", tables.table_schema("embeddings", pa.string())
    rows = [{"item_id": name, "vector": point, "frequency": 1, "run_id": "r"} for name, point in POINTS.items()]
    with Transaction(str(lake), manifest.make_manifest("train", {}, {}, ""), ("embeddings",)) as out:
        Path(out.folder("embeddings")).mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema), Path(out.folder("embeddings")) / "part-0.parquet")
        out.rows["embeddings"] = len(rows)
    return lake


def read_nearest(lake: Path) -> dict[str, tuple[str, float]]:
    """Return the nearest neighbour of each item, and its score."""
    rows = pq.read_table(lake / "neighbours").to_pylist()
    return {row["item_id"]: (row["neighbour_id"], row["score"]) for row in rows if row["rank"] == 1}


def test_the_configuration_selects_a_registered_metric(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lakes.run("neighbours", lake, "neighbours.k=2") == 0
    assert read_nearest(lake)["a"] == ("b", 1.0)
    monkeypatch.setitem(METRICS, "chebyshev", CHEBYSHEV)
    assert lakes.run("neighbours", lake, "neighbours.k=2", "neighbours.metric=chebyshev") == 0
    assert read_nearest(lake) == {"a": ("c", 1.5), "b": ("a", 2.0), "c": ("a", 1.5)}
    assert lakes.manifest(lake, "neighbours")["config"]["neighbours"]["metric"] == "chebyshev"


@pytest.mark.parametrize("name", ["neighbours", "run"])
def test_an_unknown_metric_is_refused_before_anything_runs(lake: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    before = lakes.state(lake)
    assert lakes.run(name, lake, "neighbours.metric=cosin", "input.path=/nowhere", "export.plots=false") == 2
    assert "error: neighbours.metric: unknown metric 'cosin': choose one of cosine" in capsys.readouterr().err
    assert lakes.state(lake) == before
