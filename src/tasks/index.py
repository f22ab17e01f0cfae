"""Write experiments/README.md anew from the headers and the records."""

from dataclasses import asdict
from pathlib import Path

from src.compose import composed
from src.config import RunConfig
from src.experiments import RECORDS, Header, experiments
from src.report.index import Row, index
from src.report.record import FILE_NAME, read_record, stale_reasons
from src.whole_files import write_whole

INDEX = RECORDS / "README.md"


def run(config: RunConfig, folder: Path) -> None:
    """Replace the committed index."""
    write_whole(INDEX, index(rows()))
    print(
        f"Written: {INDEX.relative_to(Path.cwd()) if INDEX.is_relative_to(Path.cwd()) else INDEX}"
    )


def rows() -> list[Row]:
    """Every experiment with its record, compared with the configuration and the code of now."""
    return [_row(header) for header in experiments()]


def _row(header: Header) -> Row:
    path = RECORDS / header.name / FILE_NAME
    if header.kind == "command" or not path.is_file():
        return Row(header, None, [])
    record = read_record(path)
    config = composed([f"+exp={header.name}"]).config
    return Row(header, record, stale_reasons(record, asdict(config), asdict(RunConfig())))
