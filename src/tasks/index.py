"""Write experiments/README.md, and the results in README.md, anew from headers and records."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from src.compose import composed
from src.config import RunConfig, settings_read
from src.experiments import RECORDS, ROOT, Header, experiments
from src.report.index import Row, index, with_results
from src.report.record import FILE_NAME, Record, read_record, stale_reasons
from src.report.tables import markdown_table
from src.tasks.drawing import short_hash
from src.whole_files import write_whole

INDEX = RECORDS / "README.md"
FRONT_PAGE = ROOT / "README.md"
RESULTS_OF = "evaluate"  # the experiment whose record the front page shows


def run(config: RunConfig, folder: Path) -> None:
    """Replace the committed index, and the results table of the front page."""
    write_whole(INDEX, index(rows()))
    write_whole(FRONT_PAGE, with_results(FRONT_PAGE.read_text(encoding="utf-8"), results()))
    print(
        f"Written: {INDEX.relative_to(Path.cwd()) if INDEX.is_relative_to(Path.cwd()) else INDEX}"
    )


def results() -> str:
    """The table of the front page, from the last record of `RESULTS_OF`."""
    path = RECORDS / RESULTS_OF / FILE_NAME
    if not path.is_file():
        return f"Not measured yet: `python -m src.run +exp={RESULTS_OF} save_record=true`.\n"
    record = read_record(path)
    origin = f"By `{record.command}`, {record.recorded}, {record.device}."
    return f"{markdown_table(record.measurements)}\n{origin}\n"


def rows() -> list[Row]:
    """Every experiment with its record, compared with the configuration and the code of now."""
    return [_row(header) for header in experiments()]


def _row(header: Header) -> Row:
    path = RECORDS / header.name / FILE_NAME
    if header.kind == "command" or not path.is_file():
        return Row(header, None, [])
    record = read_record(path)
    return Row(header, record, stale_now(record, [f"+exp={header.name}"]))


def stale_now(record: Record, words: Sequence[str]) -> list[str]:
    """Why a record no longer speaks of what is here; empty = it is current.

    words: the settings that it should be of, as on a command line.
    """
    config = composed(list(words)).config
    settings = (settings_read(each, config.task) for each in (config, RunConfig()))
    weights = shipped_weights() if config.task in ("evaluate", "first_light") else None
    return stale_reasons(record, *settings, weights)


@cache
def shipped_weights() -> dict[str, str]:
    """The hashes that a measurement of the shipped model would record today."""
    from src.amused import Amused
    from src.evaluation.suite import open_clip

    clip = open_clip(RunConfig().evaluation)
    return {"model": short_hash(Amused.embedded()), clip.name: clip.weights_hash}
