"""Encoded rows in Parquet: token ids, caption and micro-conditions of a picture, a shard a file.

Any Parquet reader opens them. What a shard was made with and which rows were bad stands in its
schema's metadata, so a shard says by itself whether it can be kept.
"""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from src.data.bad_rows import Refusal
from src.data.micro_cond import MicroCond
from src.whole_files import write_whole


class EncodedRow(NamedTuple):
    row: int  # its number in the data set
    crop: int  # which of its crops, from 0
    caption: str
    micro_cond: MicroCond
    token_ids: np.ndarray  # uint16 (rows, columns)
    text_states: np.ndarray | None = None  # float16 (words, dim)
    pooled_text: np.ndarray | None = None  # float16 (dim,)


class Shard(NamedTuple):
    """What one file holds."""

    rows: list[EncodedRow]
    refusals: list[Refusal]


def write_shard(shard: Shard, key: str, path: Path) -> None:
    """Write a shard whole or not at all; the same shard always gives the same bytes.

    key: what it was made with.
    """
    columns = {
        "row": pa.array([each.row for each in shard.rows], pa.int64()),
        "crop": pa.array([each.crop for each in shard.rows], pa.int32()),
        "caption": pa.array([each.caption for each in shard.rows], pa.string()),
    }
    for place, name in enumerate(MicroCond._fields):
        columns[name] = pa.array([each.micro_cond[place] for each in shard.rows], pa.float32())
    shapes = {}
    for name in ("token_ids", "text_states", "pooled_text"):
        arrays = [getattr(each, name) for each in shard.rows]
        if arrays and arrays[0] is not None:
            columns[name], shapes[name] = _flat(arrays), arrays[0].shape
    about = {
        "key": key,
        "shapes": json.dumps(shapes),
        "refusals": json.dumps([each._asdict() for each in shard.refusals], ensure_ascii=False),
    }
    table = pa.table(columns).replace_schema_metadata(about)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    write_whole(path, buffer.getvalue())


def read_shard(path: Path, key: str) -> Shard | None:
    """A shard that was made with `key`; None if there is none, or a damaged or another one."""
    try:
        table = pq.read_table(path, page_checksum_verification=True)
    except (OSError, pa.ArrowException):
        return None
    about = {name.decode(): text.decode() for name, text in (table.schema.metadata or {}).items()}
    if about.get("key") != key:
        return None
    arrays = {
        name: _shaped(table[name], shape) for name, shape in json.loads(about["shapes"]).items()
    }
    plain = table.select(["row", "crop", "caption", *MicroCond._fields]).to_pylist()
    rows = [
        EncodedRow(
            entry["row"],
            entry["crop"],
            entry["caption"],
            MicroCond(*(entry[name] for name in MicroCond._fields)),
            **{name: array[index] for name, array in arrays.items()},
        )
        for index, entry in enumerate(plain)
    ]
    return Shard(rows, [Refusal(**entry) for entry in json.loads(about["refusals"])])


def _flat(arrays: Sequence[np.ndarray]) -> pa.Array:
    """Arrays of one shape as a column of lists of fixed length."""
    values = np.stack(arrays).reshape(len(arrays), -1)
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])


def _shaped(column: pa.ChunkedArray, shape: Sequence[int]) -> np.ndarray:
    values = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return values.reshape(-1, *shape)
