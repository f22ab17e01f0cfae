"""Write experiments/report anew: every figure of aMUSEd's report beside what the records hold."""

from pathlib import Path

from rich.console import Console

from src.config import RunConfig
from src.experiments import RECORDS
from src.report.beside import beside
from src.report.look import save_figure
from src.report.report_figures import latency_figure, quality_figure
from src.report.report_page import BESIDES, report_page
from src.report.reported import reported
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
    timed = records.get("report_latency")
    besides = [each for each in (timed.measurements if timed else []) if "seconds" in each.name]
    save_figure(quality_figure(rows), place / "quality.png")
    device = timed.device if timed else ""
    save_figure(latency_figure(rows, besides, device), place / "latency.png")
    write_whole(place / "README.md", report_page(rows, records, FIGURES))
    return place / "README.md"
