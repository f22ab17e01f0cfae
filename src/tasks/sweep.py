"""A sweep of cells: planned and checked whole, launched until every cell is there, then answered.

Finished cells never run again, under any launcher. A sweep that was killed goes on where it was
when its command is given again; two at once in one place are refused.
"""

import importlib
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from src.config import RunConfig
from src.errors import UserError
from src.evaluation.config import EvaluationConfig
from src.experiments import own_grid
from src.report.cells import Cell, Identity, current_cell, left_out
from src.report.sweep_table import Row, label_of, write_table
from src.task_settings import SWEPT
from src.tasks.ablate import TOLD, home_of, passes_expected
from src.tasks.answer import answer, check_baseline
from src.tasks.countdown import countdown
from src.whole_files import alone_in, writable_folder

DONE, FAILED, REFUSED = 0, 1, 2  # exit status
LAUNCHES = "launches"  # what Hydra keeps of every job, below output_dir
BASIC = "BasicLauncher"  # Hydra's own, which runs job after job in this process
ONE_VALUE = ("name", "task", "output_dir", "save_record", "prompts_file")  # in all cells


class Planned(NamedTuple):
    """A cell of the sweep."""

    factors: dict[str, str]  # {"sampler.num_steps": "4"}: what sets it apart, as given
    config: RunConfig
    identity: Identity


def sweep(
    request, jobs: Sequence[list[str]], runs: Sequence, launch: Callable[[Path], list]
) -> int:
    """Run what is missing, write the table, and answer if nothing is left; the exit status.

    Args:
        request: what was typed (src.command_line.Request).
        jobs, runs: the overrides of every cell, and what they compose to.
        launch: lets Hydra run every job once, in this folder, and gives their notes
            (src.tasks.job.Note).
    """
    configs = [run.config for run in runs]
    check_one_sweep(configs)
    base = base_config(request, jobs, configs[0])
    check_baseline(factors_of(jobs), base.ablation.baseline)
    home = home_of(configs[0])
    writable_folder(home)
    console = Console(highlight=False)
    with alone_in(home):
        plan = planned(jobs, configs)
        tell_left_out(plan, home, console)
        write_table(rows_of(plan, home), home)
        folder = Path(runs[0].tree.hydra.sweep.dir)  # named by the moment
        folder = home / LAUNCHES / folder.name if configs[0].output_dir else folder
        launcher = str(runs[0].tree.hydra.launcher.get("_target_", ""))
        notes = run_missing(plan, home, lambda: launch(folder), launcher)
        rows = rows_of(plan, home)
        console.print(f"{len(rows)} of {len(plan)} cells in {write_table(rows, home)}")
        if len(rows) < len(plan):
            return tell_missing(plan, rows, notes)
        answer(rows, base, command_of(request), home)
    return DONE


def check_one_sweep(configs: Sequence[RunConfig]) -> None:
    """Raises UserError unless all cells are of one experiment, in one place, and judged alike."""
    for key in (*ONE_VALUE, *(f"evaluation.{entry.name}" for entry in fields(EvaluationConfig))):
        values = list(dict.fromkeys(map(attrgetter(key), configs)))
        if len(values) > 1:
            raise UserError(
                f"{key} has several values in one sweep ({', '.join(map(str, values))}), whose "
                "cells make one table: give one of them, or run one sweep after the other."
            )
    if configs[0].task not in SWEPT:
        raise UserError(f"the task {configs[0].task} has no cells to sweep over.")


def planned(jobs: Sequence[list[str]], configs: Sequence[RunConfig]) -> list[Planned]:
    """Every cell with its key; raises UserError for two equal ones, other prompts, an unfit model.

    Opens the model and draws the prompts, so that what is wrong with them is said before any cell.
    """
    plan, first = [], None
    for factors, config in zip(factors_of(jobs), configs, strict=True):
        task = task_of(config)
        bench = task.open_bench(config)
        identity = task.identify(config, bench)
        first = first or bench.asked
        if (bench.asked.captions, bench.asked.seeds) != (first.captions, first.seeds):
            raise UserError(
                f"{label_of(factors)} is asked other prompts than {label_of(plan[0].factors)}: "
                "only pictures of the same prompts are compared; run one sweep after the other."
            )
        same = [each for each in plan if each.identity.key == identity.key]
        if same:
            labels = sorted({label_of(factors), label_of(same[0].factors)})
            which = " and ".join(labels) if factors else "Two jobs of this sweep"
            raise UserError(
                f"{which} are one cell: give each value once, and only keys that can change a "
                "number."
            )
        plan.append(Planned(factors, config, identity))
    return plan


def task_of(config: RunConfig):
    """The module of src/tasks that runs the cells, and identifies them in its own way."""
    return importlib.import_module(f"src.tasks.{config.task}")


def factors_of(jobs: Sequence[list[str]]) -> list[dict[str, str]]:
    """What differs between the overrides of the jobs: for each of them {"seed": "1"}."""
    varied = [len(set(column)) > 1 for column in zip(*jobs, strict=True)]
    found = []
    for job in jobs:
        pairs = [text.partition("=") for text, is_own in zip(job, varied, strict=True) if is_own]
        # Hydra writes a colon of a value as \:
        found.append({key: value.replace("\\:", ":") for key, _, value in pairs})
    return found


def rows_of(plan: Sequence[Planned], home: Path) -> list[Row]:
    """The cells of the plan that are finished, in its order."""
    cells = [(each, _finished(each, home)) for each in plan]
    return [Row(each.factors, cell) for each, cell in cells if cell is not None]


def run_missing(
    plan: Sequence[Planned], home: Path, launch: Callable[[], list], launcher: str
) -> list:
    """Launch until all cells are there, or have been refused, or have failed too often."""
    notes = []
    for _ in range(1 + plan[0].config.ablation.retries):
        missing = [each for each in plan if _finished(each, home) is None]
        refusals = [note for note in notes if note.is_refusal]
        if not missing or len(refusals) >= len(missing):
            break
        with progress_of(missing, launcher):
            try:
                notes = launch()
            except UserError:
                raise
            except Exception as error:  # of the launcher: a process of its own was lost
                print(f"{type(error).__name__}: {error}", file=sys.stderr)
    return notes


@contextmanager
def progress_of(missing: Sequence[Planned], launcher: str):
    """A bar with the time left for all cells, where they run in this process."""
    if not launcher.endswith(BASIC):
        yield
        return
    total = sum(len(_asked(each)) * passes_expected(each.config) for each in missing)
    with countdown(f"{len(missing)} cells", total) as told:
        token = TOLD.set(told)
        try:
            yield
        finally:
            TOLD.reset(token)


def tell_left_out(plan: Sequence[Planned], home: Path, console: Console) -> None:
    """Cells on disk that this table leaves out, each with the reason."""
    identities = [each.identity for each in plan]
    for key, reasons in left_out(identities, home, task_of(plan[0].config).defaults()).items():
        console.print(f"Left out: cell {key}, {'; '.join(reasons)}.", soft_wrap=True, markup=False)


def tell_missing(plan: Sequence[Planned], rows: Sequence[Row], notes: Sequence) -> int:
    """Say which cells are missing and why; the exit status."""
    there = [row.factors for row in rows]
    missing = [label_of(each.factors) for each in plan if each.factors not in there]
    for note in dict.fromkeys(note.sentence for note in notes):
        print(note, file=sys.stderr)
    print(
        f"{len(missing)} of {len(plan)} cells are missing: {'; '.join(missing)}. The same command "
        "runs them alone.",
        file=sys.stderr,
    )
    return REFUSED if any(note.is_refusal for note in notes) else FAILED


def base_config(request, jobs: Sequence[list[str]], first: RunConfig) -> RunConfig:
    """The experiment without what was swept or, where that alone is nothing whole, the first job.

    What all jobs have may be of use to their values alone, as sampler.then_after is to a swept
    sampler.then.
    """
    from src.compose import composed

    varied = [len(set(column)) > 1 for column in zip(*jobs, strict=True)]
    kept = [text for text, is_own in zip(jobs[0], varied, strict=True) if not is_own]
    typed = {text for text in request.overrides if text.startswith("+exp=")}
    try:
        return composed([*dict.fromkeys([*kept, *typed])]).config
    except UserError:
        return first


def command_of(request) -> str:
    """What to type to get this sweep again."""
    own = ("save_record=", "output_dir=", "hydra", "ablation.retries=")
    kept = [text for text in request.overrides if not text.startswith(own)]
    names = [text.removeprefix("+exp=") for text in kept if text.startswith("+exp=")]
    flag = [] if own_grid(names[0]) else ["-m"]
    return shlex.join(["python", "-m", "src.run", *flag, *kept])


def _finished(each: Planned, home: Path) -> Cell | None:
    return current_cell(each.identity, home, task_of(each.config).defaults())


def _asked(each: Planned) -> list[str]:
    return task_of(each.config).open_bench(each.config).asked.captions
