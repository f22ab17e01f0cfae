"""Write experiments/report anew: every figure of aMUSEd's report beside what the records hold."""

import shlex
from pathlib import Path

from rich.console import Console

from src.config import RunConfig
from src.errors import UserError
from src.experiments import RECORDS
from src.report.beside import TIMED, beside
from src.report.kept_records import records_of
from src.report.look import save_figure
from src.report.record import Record
from src.report.report_figures import latency_figure, quality_figure
from src.report.report_page import BESIDES, report_page
from src.report.reported import reported
from src.tasks.index import stale_now
from src.tasks.reported_rows import read_records
from src.whole_files import write_whole

FIGURES = {
    "quality.png": "FID, CLIP score and Inception score against guidance; FID against CLIP score",
    "latency.png": "seconds a picture of every reported system",
}


def run(config: RunConfig, folder: Path) -> None:
    """Replace the page and its figures. Without new records, the same bytes."""
    place = write_report(RECORDS, RECORDS / "report")
    Console(highlight=False).print(f"Written: {place}", soft_wrap=True, markup=False)


def write_report(records_folder: Path, place: Path) -> Path:
    """Read the records under one folder, write figures and, last, README.md into another."""
    records = read_records(records_folder, tuple(BESIDES))
    rows = [beside(figure, records) for figure in reported()]
    save_figure(quality_figure(rows), place / "quality.png")
    timed = [each for name in TIMED for each in records_of(name, records)]
    save_figure(latency_figure(rows, timed), place / "latency.png")
    stale = {name: _stale(record) for name, record in records.items()}
    write_whole(place / "README.md", report_page(rows, records, FIGURES, stale))
    return place / "README.md"


def _stale(record: Record) -> list[str]:
    """Why a record is not of today's code, by the command that made it."""
    try:
        return stale_now(record, shlex.split(record.command)[len(("python", "-m", "src.run")) :])
    except UserError as error:
        return [f"its command is refused today ({error})"]
