"""Any two finished runs beside each other: in pairs where their pictures make pairs."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console

from src.config import RunConfig
from src.errors import UserError
from src.evaluation.measurement import Measurement
from src.evaluation.paired import each_of_many
from src.experiments import RECORDS
from src.report.answers import MEASURES, about_many, sentence, side_by_side
from src.report.cells import FOLDER, PICTURES, read_columns
from src.report.record import Record, read_record
from src.report.sweep_page import cells_table
from src.tasks.answer import choose_measure, compared_cell
from src.tasks.outcome import table_printed
from src.whole_files import writable_folder, write_whole

PAGE = "comparison.md"


class Finished(NamedTuple):
    """A run to compare."""

    label: str
    place: Path
    record: Record

    def columns(self) -> dict[str, np.ndarray] | None:
        """Its pictures' values; None where only its numbers were kept."""
        path = self.place / PICTURES
        return read_columns(path) if path.is_file() else None


def run(config: RunConfig, folder: Path) -> None:
    """Print the numbers of both and what they allow to say; write them as a page."""
    one, other = told_apart(*(open_run(text, place) for place, text in enumerate(config.runs)))
    measurements = shared(one, other)
    sentences = in_words(one, other, config)
    table_printed(measurements)
    console = Console(highlight=False)
    for text in ["", *settings_apart(one, other), "", *sentences]:
        console.print(text, soft_wrap=True, markup=False)
    target = writable_folder(Path(config.output_dir) if config.output_dir else folder)
    write_whole(target / PAGE, page(one, other, measurements, sentences))
    console.print(f"  {target / PAGE}", soft_wrap=True, markup=False)


def open_run(text: str, place: int) -> Finished:
    """A folder with a record, an experiment's name, or the beginning of a cell's key.

    Raises:
        UserError: none of these, or several cells.
    """
    if Path(text).is_dir():
        found = [Path(text)]
    elif (RECORDS / text).is_dir():
        found = [RECORDS / text]
    else:
        found = sorted(RECORDS.glob(f"*/sweeps/{FOLDER}/{text}*")) if text.isalnum() else []
    if len(found) != 1:
        raise UserError(
            f"runs[{place}]={text} is {len(found) or 'no'} finished run{'s' * (len(found) > 1)}: "
            "give a run's or a cell's folder, an experiment with a record, or a cell's whole key."
        )
    return Finished(text, found[0], read_record(found[0]))


def told_apart(one: Finished, other: Finished) -> tuple[Finished, Finished]:
    """The two named by the one setting that differs between them, where it is one."""
    left, right = one.record.settings, other.record.settings
    keys = [key for key in left if left[key] != right.get(key)]
    if len(keys) != 1 or left.keys() != right.keys() or one.record.weights != other.record.weights:
        return one, other
    (key,) = keys
    name = key.rpartition(".")[2]
    first, second = f"{name}={left[key]}", f"{name}={right[key]}"
    return one._replace(label=first), other._replace(label=second)


def in_words(one: Finished, other: Finished, config: RunConfig) -> list[str]:
    """What the two allow to say."""
    columns = one.columns(), other.columns()
    if None in columns or not _make_pairs(*columns):
        why = "their pictures are of other prompts or seeds"
        if None in columns:
            why = "one of them kept no values of its pictures"
        told = [f"Not compared in pairs: {why}."]
        pairs = _common(one, other)
        return told + [side_by_side(*pair, (one.label, other.label)) for pair in pairs]
    asked = config.ablation.measure
    names = [asked] if asked else [name for name in MEASURES if all(name in c for c in columns)]
    each = each_of_many(config.evaluation.confidence, len(names))
    told, compared = [], []
    for name in names:
        measure = choose_measure(name, columns[0])
        compared.append(compared_cell(one.label, *columns, measure, each))
        told.append(f"{measure.name}: {sentence(compared[-1], other.label, measure)}")
    return [*told, about_many(compared, config.evaluation.confidence)]


def shared(one: Finished, other: Finished) -> list[Measurement]:
    """The numbers of both, each under its run's name; those that only one has come along."""
    found = []
    for each in (one, other):
        for number in each.record.measurements:
            is_main = number.subject == "generated pictures"
            subject = each.label if is_main else f"{each.label}: {number.subject}"
            found.append(Measurement(**{**vars(number), "subject": subject}))
    return found


def settings_apart(one: Finished, other: Finished) -> list[str]:
    """What the two runs were told differently."""
    left, right = one.record.settings, other.record.settings
    keys = sorted(key for key in {*left, *right} if left.get(key) != right.get(key))
    told = [f"{key}: {left.get(key)} and {right.get(key)}" for key in keys]
    if one.record.weights != other.record.weights:
        told.append("the weights differ")
    if one.record.data_hash != other.record.data_hash:
        told.append("the data differ")
    if one.record.code_used != other.record.code_used:
        told.append("the code differs")
    return told or ["The settings are the same."]


def page(
    one: Finished, other: Finished, measurements: list[Measurement], sentences: list[str]
) -> str:
    """The comparison as markdown."""
    lines = [f"# {one.label} and {other.label}", "", "What sets them apart:", ""]
    lines += [f"- {text}" for text in settings_apart(one, other)]
    lines += ["", "What can be said:", "", *(f"- {text}" for text in sentences), ""]
    return "\n".join(lines) + "\n" + cells_table(measurements)


def _make_pairs(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(one[key], other[key]) for key in ("prompt", "seed"))


def _common(one: Finished, other: Finished) -> list[tuple[Measurement, Measurement]]:
    """The numbers that both have, of the same subject."""
    known = {(each.name, each.subject): each for each in other.record.measurements}
    found = [(each, known.get((each.name, each.subject))) for each in one.record.measurements]
    return [(each, its) for each, its in found if its is not None]
