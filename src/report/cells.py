"""Finished cells on disk: a folder each, named by all that its numbers depend on.

A cell's folder holds record.json and pictures.parquet (a row a picture) and appears whole or not
at all. One that was measured by other code or under other settings is stale, and kept apart.
"""

import io
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from src.errors import UserError
from src.experiments import ROOT
from src.report.code_at_start import code_at_start
from src.report.record import FILE_NAME, Record, read_record, stale_reasons, write_record
from src.whole_files import told_in_a_sentence, write_whole

FOLDER, PICTURES = "cells", "pictures.parquet"


class Identity(NamedTuple):
    """What a cell's numbers depend on besides the code."""

    key: str  # of all of it: Record.identity
    settings: dict[str, Any]  # all that the task reads
    weights: dict[str, str]
    data_hash: str


class Cell(NamedTuple):
    """A finished cell."""

    place: Path
    record: Record

    def columns(self) -> dict[str, np.ndarray]:
        """The values of every picture: prompt, kind, seed, right, clip_score, passes, seconds."""
        return read_columns(self.place / PICTURES)


def read_columns(path: Path) -> dict[str, np.ndarray]:
    """A parquet file's columns; raises UserError where there is none, or a damaged one."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path} cannot be read ({reason}): run its cell again.") from error
    return {name: table[name].to_numpy() for name in table.column_names}


def parquet_bytes(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """Columns as a parquet file; equal columns give equal bytes."""
    buffer = io.BytesIO()
    pq.write_table(pa.table({name: pa.array(values) for name, values in columns.items()}), buffer)
    return buffer.getvalue()


def place_of(key: str, home: Path) -> Path:
    return home / FOLDER / key


def write_cell(record: Record, columns: Mapping[str, Sequence[Any]], home: Path) -> Path:
    """Write a cell, whole or not at all, in place of an older one of its name.

    Only one process may write a cell at a time; what a killed one has left is cleared away here.
    """
    place = place_of(record.identity, home)
    new, old = (place.with_name(f".{place.name}.{part}") for part in ("new", "old"))
    with told_in_a_sentence(place):
        for left in (new, old):
            shutil.rmtree(left, ignore_errors=True)
        write_whole(new / PICTURES, parquet_bytes(columns))
        write_record(record, new)
        if place.exists():
            os.rename(place, old)
        os.rename(new, place)
        shutil.rmtree(old, ignore_errors=True)
    return place


def open_cell(place: Path) -> Cell | None:
    """A cell's folder, or None where there is nothing that can be read as one."""
    if not (place / PICTURES).is_file() or not (place / FILE_NAME).is_file():
        return None
    try:
        return Cell(place, read_record(place))
    except UserError:
        return None


def current_cell(identity: Identity, home: Path, defaults: Mapping[str, Any]) -> Cell | None:
    """The finished cell of this identity, unless other code has measured it."""
    cell = open_cell(place_of(identity.key, home))
    return cell if cell and not why_stale(cell, identity, defaults) else None


def why_stale(cell: Cell, identity: Identity, defaults: Mapping[str, Any]) -> list[str]:
    """What has moved on between a cell and an identity, in words; empty = nothing."""
    settings, weights, data_hash = identity.settings, identity.weights, identity.data_hash
    used = code_at_start(settings["task"], ROOT).used
    return stale_reasons(cell.record, settings, defaults, weights, data_hash, used=used)


def left_out(
    identities: Sequence[Identity], home: Path, defaults: Mapping[str, Any]
) -> dict[str, list[str]]:
    """Cells on disk that are none of these, each with the reasons that set it apart."""
    kept = {each.key for each in identities}
    found = {}
    for place in sorted((home / FOLDER).glob("[!.]*")):
        cell = open_cell(place)
        if cell is None:
            found[place.name] = ["it cannot be read"]
        elif place.name in kept:
            (own,) = [each for each in identities if each.key == place.name]
            reasons = why_stale(cell, own, defaults)
            if reasons:
                found[place.name] = reasons
        else:
            reasons = [why_stale(cell, each, defaults) for each in identities]
            found[place.name] = min(reasons, key=lambda words: len("; ".join(words)))
    return found
