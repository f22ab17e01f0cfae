"""The only entry point: `python -m src.run +exp=NAME` composes, checks, and calls one task.

Exit status: 0 done; 2 the input cannot work, and one sentence on stderr says why; 130 interrupted;
138 and 143 a training was stopped by SIGUSR1 or SIGTERM, its step saved (training/stop_signals.py);
141 nobody reads the output any more, as after `| head -1`.
"""

import os
import select
import shutil
import sys
import warnings
from pathlib import Path

from src.command_line import HELP, listing, read_request
from src.errors import UserError, cut
from src.experiments import CONF
from src.whole_files import storage_sentence

REFUSED, INTERRUPTED, UNREAD = 2, 130, 141


def main(arguments: list[str] | None = None) -> int:
    """Answer one command line and return the exit status."""
    warnings.formatwarning = lambda message, *_: f"Warning: {message}\n"
    try:
        status = _answer(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()  # here, where a closed pipe is still caught
        return status
    except UserError as error:
        print(error, file=sys.stderr)
    except BrokenPipeError:
        if not has_lost_its_reader(1):
            raise  # another pipe broke, and nobody was told
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what Python still holds has no reader
        return UNREAD
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # rich's own way of saying the same
            return UNREAD
        raise
    except OSError as error:
        sentence = storage_sentence(error)
        if sentence is None:
            raise
        print(sentence, file=sys.stderr)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    return REFUSED


def has_lost_its_reader(descriptor: int) -> bool:
    """Whether this is a pipe that nobody will ever read; where it cannot be known, True."""
    if not hasattr(select, "poll"):  # Windows
        return True
    asked = select.poll()
    asked.register(descriptor, select.POLLOUT)
    return any(answer & select.POLLERR for _, answer in asked.poll(0))


def _answer(arguments: list[str]) -> int:
    if not arguments:
        print(listing())
        return 0
    request = read_request(arguments)
    if request.is_help:
        print(HELP)
        return 0
    from src.compose import composed, jobs_of  # Hydra takes longer to import than a list to print
    from src.task_settings import SHARED, SWEPT

    overrides = [*request.overrides, *request.grid]
    jobs = list(jobs_of(overrides)) if request.is_sweep else [overrides]
    runs = [composed(job) for job in jobs]  # all of them, before anything is written
    tasks = {run.config.task for run in runs}
    if request.shown is not None:
        print(_shown(runs[0].tree, request.shown))
        return 0
    if tasks & set(SWEPT):
        from src.tasks.sweep import sweep

        return sweep(request, jobs, runs, lambda folder: _launch(overrides, folder, True))
    _check_places([run.config.output_dir for run in runs if run.config.task not in SHARED])
    place = runs[0].tree.hydra.sweep if request.is_sweep else runs[0].tree.hydra.run
    notes = _launch(overrides, Path(place.dir), request.is_sweep)
    for note in notes:
        print(note.sentence, file=sys.stderr)
        _remove_if_empty(note.folder)
    return REFUSED if notes else 0


def _check_places(places: list[str | None]) -> None:
    """Raise UserError if several jobs of a sweep would write into one folder."""
    given = [place for place in places if place is not None]
    for place in given:
        if given.count(place) > 1:
            raise UserError(
                f"output_dir={cut(place)} is that of {given.count(place)} jobs of this sweep: "
                "leave it out, and each has a folder of its own, or give each another one."
            )


def _shown(tree, part: str) -> str:
    from omegaconf import OmegaConf

    keys = [key for key in tree if part == "all" or (key == "hydra") == (part == "hydra")]
    return OmegaConf.to_yaml(OmegaConf.masked_copy(tree, keys)).rstrip()


def _launch(overrides: list[str], folder: Path, is_sweep: bool) -> list:
    """Let Hydra make the folders, keep the logs and call the task, once for every job.

    The folder is told to Hydra in so many words, so that what the jobs leave there is found.
    """
    import hydra

    from src.tasks.job import notes_below, run_job

    key = "hydra.sweep.dir" if is_sweep else "hydra.run.dir"
    quoted = str(folder).replace("\\", "\\\\").replace('"', '\\"')
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come here instead of ending in Hydra's own words
    flags = ["--multirun"] if is_sweep else []
    sys.argv = [sys.argv[0], *overrides, f'{key}="{quoted}"', *flags]
    try:
        hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(run_job)()
    finally:
        notes = notes_below(folder)
    return notes


def _remove_if_empty(folder: Path) -> None:
    """Take away a refused run's folder that holds no more than Hydra's own notes of it."""
    logs = list(folder.glob("*.log"))
    is_noted_only = {path.name for path in folder.glob("*")} <= {".hydra", *(x.name for x in logs)}
    if is_noted_only and not any(log.stat().st_size for log in logs):
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
