"""A sweep as a table: a row a cell, with what was swept, every number, and what it took."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from src.evaluation.measurement import Measurement
from src.report.cells import Cell, parquet_bytes
from src.whole_files import write_whole

FILE_NAME = "table.parquet"
FINISHED_MODEL = re.compile(r"experiments/([^/]+)/runs/train/model")


class Row(NamedTuple):
    """A finished cell of a sweep, and the values that are its own."""

    factors: dict[str, str]  # {"sampler.num_steps": "4"}, as given
    cell: Cell

    @property
    def label(self) -> str:
        return label_of(self.factors)

    def measurement(self, name: str) -> Measurement:
        """The cell's number of that name; raises KeyError where there is none."""
        found = [each for each in self.cell.record.measurements if each.name == name]
        if not found:
            raise KeyError(name)
        return found[0]


def label_of(factors: Mapping[str, str]) -> str:
    """What sets a cell apart, in words: "num_steps=4, guidance_scale=2"."""
    short = [key.rpartition(".")[2] for key in factors]
    names = short if len(set(short)) == len(short) else list(factors)
    values = map(shown_value, factors.values())
    pairs = [f"{name}={value}" for name, value in zip(names, values, strict=True)]
    return ", ".join(pairs) or "as configured"


def shown_value(value: str) -> str:
    """A value for readers: of the folder of a finished training, its experiment's name."""
    found = FINISHED_MODEL.fullmatch(value)
    return found.group(1) if found else value


def numbers(values: Sequence[str]) -> list[float] | None:
    """The values as numbers, or None where one of them is no number."""
    try:
        return [float(value) for value in values]
    except ValueError:
        return None


def table(rows: Sequence[Row]) -> dict[str, list[Any]]:
    """Columns by name, in the order of the rows; what some cells lack is None there."""
    columns: dict[str, list[Any]] = {"cell": [row.cell.place.name for row in rows]}
    for key in rows[0].factors if rows else ():
        values = [row.factors[key] for row in rows]
        columns[key] = numbers(values) or values
    names = dict.fromkeys(each.name for row in rows for each in row.cell.record.measurements)
    for name in names:
        found = [_found(row, name) for row in rows]
        columns[name] = [each and each.value for each in found]
        columns[f"{name}, low"] = [each and each.low for each in found]
        columns[f"{name}, high"] = [each and each.high for each in found]
        columns[f"{name}, pictures"] = [each and each.num_samples for each in found]
    columns["seconds"] = [row.cell.record.seconds for row in rows]
    columns["recorded"] = [row.cell.record.recorded for row in rows]
    return columns


def write_table(rows: Sequence[Row], folder: Path) -> Path:
    """Write table.parquet, whole or not at all (UserError)."""
    path = folder / FILE_NAME
    write_whole(path, parquet_bytes(table(rows)))
    return path


def labelled(rows: Sequence[Row]) -> list[Measurement]:
    """All numbers of all cells, each measured on its cell's pictures."""
    return [
        replace(each, subject=row.label) for row in rows for each in row.cell.record.measurements
    ]


def _found(row: Row, name: str) -> Measurement | None:
    try:
        return row.measurement(name)
    except KeyError:
        return None
