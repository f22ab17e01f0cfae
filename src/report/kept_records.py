"""Records of one experiment that stand beside each other: other models, steps, devices.

`record.json` is the last one, as everywhere. What it would replace although it was made of
something else is kept beside it, as `record_KEY.json`.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from src.report.record import FILE_NAME, Record, read_record
from src.whole_files import write_whole

MADE_OF = ("model", "sampler.num_steps", "dtype")  # settings that make another row of a table
# and these where they are not as here, which older records do not know
USUALLY = {"speed.is_compiled": False, "speed.weights": "full", "speed.decoder": "float32"}


def key_of(record: Record) -> str:
    """What a record is of, as a part of a file's name: "amused-256_12_float32_cpu-2-threads"."""
    values = [str(record.settings.get(name)) for name in MADE_OF]
    values[0] = Path(values[0]).name  # of a folder, not where it lies
    for name, usual in USUALLY.items():
        if (value := record.settings.get(name, usual)) != usual:
            values.append(f"{name.removeprefix('speed.is_').removeprefix('speed.')}-{value}")
    return "_".join(re.sub(r"[^a-z0-9]+", "-", each.lower()) for each in [*values, record.device])


def keep_beside(folder: Path, new: Record) -> None:
    """Put `record.json` aside, before `new` takes its name, where the two are of other things.

    A kept record of what `new` is of stays until `read_kept` no longer sees it, behind `new`.
    """
    path = folder / FILE_NAME
    if path.is_file() and key_of(old := read_record(path)) != key_of(new):
        write_whole(_kept(folder, old), path.read_bytes())


def read_kept(folder: Path, name: str) -> dict[str, Record]:
    """An experiment's records: NAME is the last one, NAME/KEY are those kept beside it."""
    path = folder / name / FILE_NAME
    if not path.is_file():
        return {}
    last = read_record(path)
    kept = [read_record(each) for each in sorted(path.parent.glob("record_*.json"))]
    others = {f"{name}/{key_of(each)}": each for each in kept if key_of(each) != key_of(last)}
    return {name: last, **others}


def records_of(experiment: str | None, records: Mapping[str, Record]) -> list[Record]:
    """Those of `read_kept` that belong to one experiment."""
    return [record for name, record in records.items() if name.partition("/")[0] == experiment]


def _kept(folder: Path, record: Record) -> Path:
    return folder / f"record_{key_of(record)}.json"
