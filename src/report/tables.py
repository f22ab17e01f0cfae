"""Measurements as a table: a row a number, a column for each subject it was measured on."""

from collections.abc import Sequence

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
    return ["", *subjects, "pictures"], cells


def terminal_table(measurements: Sequence[Measurement], title: str = "") -> Table:
    """The table for rich to print."""
    head, cells = rows(measurements)
    table = Table(title=title or None)
    for index, text in enumerate(head):
        table.add_column(text, justify="right" if index else "left", no_wrap=index == 0)
    for line in cells:
        table.add_row(*(text.replace("[", r"\[") for text in line))
    return table
