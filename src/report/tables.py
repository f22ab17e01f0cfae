"""Measurements as a table: a row a number, a column for each subject it was measured on."""

from collections.abc import Sequence

from rich.box import HORIZONTALS
from rich.markup import escape
from rich.table import Table

from src.evaluation.measurement import Measurement

MOST_COLUMNS = 5  # of subjects in a terminal
Rows = list[tuple[str, list[Measurement | None]]]  # name; what was found for each subject


def comparison(measurements: Sequence[Measurement]) -> tuple[list[str], Rows]:
    """The subjects in order of appearance, and for every name what was measured on each."""
    subjects = list(dict.fromkeys(each.subject for each in measurements))
    names = dict.fromkeys(each.name for each in measurements)
    found = {(each.name, each.subject): each for each in measurements}
    return subjects, [(name, [found.get((name, each)) for each in subjects]) for name in names]


def markdown_table(measurements: Sequence[Measurement]) -> str:
    """The table for a README; ends in a line break."""
    head, cells = rows(measurements)
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *cells]
    return "".join(f"| {' | '.join(text.replace('|', '/') for text in line)} |\n" for line in lines)


def cell_text(measurement: Measurement | None) -> str:
    """A number as a table shows it: "91.4 % (88.6 to 93.6)"; nothing where there is none.

    A distance from few pictures is too large and lies outside its own interval, which is told:
    "3.25 (less a bias of 2.35: 0.00 to 1.79)".
    """
    if measurement is None:
        return ""
    bias = measurement.bias
    return (
        measurement.text.replace("(", f"(less a bias of {bias:.2f}: ") if bias else measurement.text
    )


def rows(measurements: Sequence[Measurement]) -> tuple[list[str], list[list[str]]]:
    """Head and cells: name, the value for every subject in order of appearance, sample count."""
    subjects, found = comparison(measurements)
    cells = []
    for name, of_subjects in found:
        counts = dict.fromkeys(each.samples for each in of_subjects if each)
        cells.append([name, *(cell_text(each) for each in of_subjects), "; ".join(counts)])
    return ["", *subjects, "sample"], cells


def turned_rows(measurements: Sequence[Measurement]) -> tuple[list[str], list[list[str]]]:
    """Head and cells of the table on its side: a row a subject, a column a number."""
    subjects, found = comparison(measurements)
    cells = []
    for place, subject in enumerate(subjects):
        own = [of_subjects[place] for _, of_subjects in found]
        counts = dict.fromkeys(each.samples for each in own if each)
        cells.append([subject, *(cell_text(each) for each in own), "; ".join(counts)])
    return ["", *(name for name, _ in found), "sample"], cells


def terminal_table(measurements: Sequence[Measurement], title: str = "") -> Table:
    """The table for rich to print; 84 columns wide with three subjects, on its side with many."""
    num_subjects = len({each.subject for each in measurements})
    head, cells = (turned_rows if num_subjects > MOST_COLUMNS else rows)(measurements)
    table = Table(title=title or None, box=HORIZONTALS, show_lines=True, pad_edge=False)
    for index, text in enumerate(head):
        is_name = index == 0
        table.add_column(
            escape(text).replace(" ", "\n"), justify="left" if is_name else "right", overflow="fold"
        )
    for name, *values in cells:
        breaks = [escape(value).replace(" (", "\n(") for value in values]
        table.add_row(escape(name).replace(": ", ":\n"), *breaks)
    return table
