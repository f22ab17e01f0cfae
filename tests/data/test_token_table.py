"""Shards of token ids: whole, to the bit, readable by anyone, and known to be what they are."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from src.data.bad_rows import Refusal
from src.data.micro_cond import MicroCond
from src.data.token_table import EncodedRow, Shard, read_shard, write_shard


def shard(num_rows: int = 5, has_text: bool = True) -> Shard:
    rng = np.random.default_rng(0)
    rows = [
        EncodedRow(
            row=10 + index,
            crop=index % 2,
            caption=f"ein Stern, Nummer {index} ★",
            micro_cond=MicroCond(640.0, 480.0, 3.0, float(index), 5.5),
            token_ids=rng.integers(0, 2**16, (4, 6)).astype(np.uint16),
            text_states=rng.normal(size=(7, 3)).astype(np.float16) if has_text else None,
            pooled_text=rng.normal(size=5).astype(np.float16) if has_text else None,
        )
        for index in range(num_rows)
    ]
    return Shard(rows, [Refusal(12, "ü.png", "no picture")])


def assert_equal(found: Shard, expected: Shard) -> None:
    assert found.refusals == expected.refusals
    assert len(found.rows) == len(expected.rows)
    for one, other in zip(found.rows, expected.rows, strict=True):
        for name in EncodedRow._fields:
            a, b = getattr(one, name), getattr(other, name)
            if isinstance(b, np.ndarray):
                assert a.dtype == b.dtype
                assert a.shape == b.shape
                assert (a == b).all()
            else:
                assert a == b


@pytest.mark.parametrize("has_text", [True, False])
@pytest.mark.parametrize("num_rows", [0, 1, 5])
def test_what_is_written_is_what_is_read(num_rows, has_text, tmp_path):
    write_shard(shard(num_rows, has_text), "key", tmp_path / "a.parquet")
    assert_equal(read_shard(tmp_path / "a.parquet", "key"), shard(num_rows, has_text))


def test_the_same_shard_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_shard(shard(), "key", tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_any_parquet_reader_finds_the_columns(tmp_path):
    write_shard(shard(), "key", tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")
    names = ["row", "crop", "caption", *MicroCond._fields, "token_ids"]
    assert table.column_names == [*names, "text_states", "pooled_text"]
    assert table["token_ids"][3].as_py() == shard().rows[3].token_ids.ravel().tolist()


def test_a_shard_of_another_key_or_none_at_all_is_not_taken(tmp_path):
    assert read_shard(tmp_path / "a.parquet", "key") is None
    write_shard(shard(), "key", tmp_path / "a.parquet")
    assert read_shard(tmp_path / "a.parquet", "another") is None


def test_a_damaged_shard_is_never_taken(tmp_path):
    path = tmp_path / "a.parquet"
    write_shard(shard(), "key", path)
    whole = path.read_bytes()
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert read_shard(path, "key") is None
    data = range(4, 4 + 200, 7)  # the first columns' pages; their sums are checked
    for place in data:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        found = read_shard(path, "key")
        if found is not None:
            assert_equal(found, shard())
