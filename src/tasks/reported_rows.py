"""One section of the report in the terminal, beside what the committed records hold."""

from pathlib import Path

from rich.console import Console

from src.report.beside import beside
from src.report.kept_records import read_kept
from src.report.record import Record
from src.report.report_page import line_of
from src.report.reported import reported


def print_rows(section: str, folder: Path, missing: str) -> None:
    """A line for every figure of a section; `missing` where some of them have no number yet."""
    records = read_records(folder)
    rows = [beside(each, records) for each in reported() if each.section == section]
    console = Console(highlight=False)
    for row in rows:
        console.print(f"  {line_of(row)}", soft_wrap=True, markup=False)
    if any(row.ours is None for row in rows):
        console.print(missing, soft_wrap=True, markup=False)


def read_records(folder: Path, more: tuple[str, ...] = ()) -> dict[str, Record]:
    """The records that answer to reported figures, by experiment, of those that were made."""
    names = {each.experiment for each in reported() if each.experiment} | set(more)
    return {key: each for name in sorted(names) for key, each in read_kept(folder, name).items()}
