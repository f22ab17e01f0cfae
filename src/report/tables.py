"""Measurements as a table: a row a number, a column for each subject it was measured on."""

from collections.abc import Sequence

from rich.box import HORIZONTALS
from rich.markup import escape
from rich.table import Table

from src.evaluation.measurement import Measurement


def rows(measurements: Sequence[Measurement]) -> tuple[list[str], list[list[str]]]:
    """Head and cells: name, the value for every subject in order of appearance, sample count."""
    subjects = list(dict.fromkeys(each.subject for each in measurements))
    names = list(dict.fromkeys(each.name for each in measurements))
    found = {(each.name, each.subject): each for each in measurements}
    cells = []
    for name in names:
        of_subjects = [found.get((name, subject)) for subject in subjects]
        counts = dict.fromkeys(each.samples for each in of_subjects if each)
        cells.append(
            [name, *(each.text if each else "" for each in of_subjects), "; ".join(counts)]
        )
    return ["", *subjects, "sample"], cells


def terminal_table(measurements: Sequence[Measurement], title: str = "") -> Table:
    """The table for rich to print; 84 columns wide with three subjects."""
    head, cells = rows(measurements)
    table = Table(title=title or None, box=HORIZONTALS, show_lines=True, pad_edge=False)
    for index, text in enumerate(head):
        is_name = index == 0
        table.add_column(text.replace(" ", "\n"), justify="left" if is_name else "right")
    for name, *values in cells:
        breaks = [escape(value).replace(" (", "\n(") for value in values]
        table.add_row(escape(name).replace(": ", ":\n"), *breaks)
    return table
