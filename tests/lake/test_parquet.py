"""Tables as Parquet files of Arrow."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from walkgram.errors import LakeError
from walkgram.lake import parquet


def test_a_table_is_written_in_batches_read_and_counted(tmp_path: Path) -> None:
    schema = pa.schema([("x", pa.int64())])
    batches = [pa.record_batch([pa.array([1, 2])], schema=schema), pa.record_batch([pa.array([3])], schema=schema)]
    assert parquet.write_table(str(tmp_path / "t"), schema, batches) == 3
    assert parquet.count_rows(str(tmp_path / "t")) == 3
    assert parquet.read_table(str(tmp_path / "t"))["x"].to_pylist() == [1, 2, 3]
    assert parquet.write_table(str(tmp_path / "empty"), schema, []) == 0
    assert parquet.read_table(str(tmp_path / "empty")).schema == schema


def test_a_missing_or_truncated_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="holds no Parquet file"):
        parquet.list_shards(str(tmp_path / "t"))
    schema = pa.schema([("x", pa.int64())])
    parquet.write_table(str(tmp_path / "t"), schema, [pa.record_batch([pa.array([1, 2])], schema=schema)])
    file = tmp_path / "t" / "part-00000.parquet"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(LakeError, match=r"part-00000\.parquet: truncated or damaged"):
        parquet.list_shards(str(tmp_path / "t"))


def test_a_csv_file_has_a_header(tmp_path: Path) -> None:
    uri = parquet.write_csv(str(tmp_path / "sample"), "items.csv", pd.DataFrame({"item_id": [1], "title": ["One"]}))
    assert uri == f"{tmp_path}/sample/items.csv"
    assert Path(uri).read_text() == "item_id,title\n1,One\n"
