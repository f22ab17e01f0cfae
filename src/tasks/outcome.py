"""What a measuring task leaves: a table in the terminal; record, figures and page on disk."""

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hydra.core.hydra_config import HydraConfig
from rich.console import Console

from src.config import RunConfig, settings_read
from src.evaluation.measurement import Measurement
from src.experiments import CONF, RECORDS, read_header
from src.report.look import save_figure
from src.report.page import write_page
from src.report.record import Record, make_record, write_record
from src.report.tables import terminal_table
from src.tasks.inputs import device_name
from src.whole_files import writable_folder


class Outcome(NamedTuple):
    """All that a task has found out, before any of it is written."""

    measurements: Sequence[Measurement]
    figures: Mapping[str, Any]  # file name: matplotlib figure
    weights: Mapping[str, str]  # model: hash
    seeds: Mapping[str, Any]
    device: str
    data_hash: str = ""


def deliver(outcome: Outcome, config: RunConfig, folder: Path, seconds: float) -> None:
    """Print the table; write figures, page and, last, record.json into the run's folder.

    With `save_record` those committed under experiments/NAME are replaced as well.
    """
    record = record_of(outcome, config, seconds)
    console = table_printed(outcome.measurements)
    for target in targets(config, folder):
        figures = [save_figure(figure, target / name) for name, figure in outcome.figures.items()]
        page = write_page(record, figures, target, question(config))
        for path in (*figures, page, write_record(record, target)):
            console.print(f"  {os.path.relpath(path)}", soft_wrap=True, markup=False)


def record_of(outcome: Outcome, config: RunConfig, seconds: float) -> Record:
    """All that is known of a run that has just ended."""
    return make_record(
        config.name,
        command_line(config),
        settings_read(config, config.task),
        settings_read(RunConfig(), config.task),
        outcome.measurements,
        weights=outcome.weights,
        seeds=outcome.seeds,
        device=device_name(outcome.device),
        seconds=seconds,
        data_hash=outcome.data_hash,
    )


def table_printed(measurements: Sequence[Measurement]) -> Console:
    """The console that the table went to, for the lines below it."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 100  # into a file or a pipe
    console.print(terminal_table(measurements))
    return console


def question(config: RunConfig) -> str:
    """What the experiment asks, from its header."""
    return read_header(CONF / "exp" / f"{config.name}.yaml").question


def targets(config: RunConfig, folder: Path) -> list[Path]:
    """Where the results go: the run's folder, or output_dir, and the committed one if asked."""
    first = writable_folder(Path(config.output_dir) if config.output_dir else folder)
    return [first, RECORDS / config.name] if config.save_record else [first]


def command_line(config: RunConfig) -> str:
    """What to type to get this run again."""
    overrides = [f"+exp={config.name}"]
    if HydraConfig.initialized():
        overrides = list(HydraConfig.get().overrides.task)
    kept = [text for text in overrides if not text.startswith(("save_record=", "output_dir="))]
    return shlex.join(["python", "-m", "src.run", *kept])
