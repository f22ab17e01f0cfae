"""One job of a run, here or in another process: its task is called, and trouble left as a note.

A launcher sends the function by its name and brings nothing back, so what went wrong is written
into the job's own folder, where whoever launched it looks for it.
"""

import importlib
import multiprocessing
import os
import threading
import time
import traceback
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from src.errors import UserError
from src.experiments import ROOT
from src.memory import is_out_of_memory
from src.report.code_at_start import code_at_start
from src.sampler_file import read_sampler
from src.task_settings import SWEPT
from src.whole_files import storage_sentence, write_whole

REFUSED, FAILED = ".refused", ".failed"  # files that hold one sentence
LOOK_SECONDS = 1.0  # from one look at the sweep to the next
BUSY = threading.Lock()  # held while a job runs


class Note(NamedTuple):
    """Why a job did not do its work."""

    folder: Path  # the job's
    is_refusal: bool  # the input cannot work; a failure may not happen a second time
    sentence: str


def run_job(tree: DictConfig) -> None:
    """Call the task of a composed configuration; what may be refused or fail ends in a note.

    A signal that ends a training (SystemExit, KeyboardInterrupt) ends the sweep too: no launcher
    takes it for a failed job.
    """
    if multiprocessing.current_process().name != "MainProcess":
        end_with_sweep()
    with BUSY:
        _run(tree)


def _run(tree: DictConfig) -> None:
    config = OmegaConf.to_object(tree)
    config.sampler = read_sampler(config.sampler)
    folder = Path(HydraConfig.get().runtime.output_dir)
    code_at_start(config.task, ROOT)
    for name in (REFUSED, FAILED):
        (folder / name).unlink(missing_ok=True)
    try:
        importlib.import_module(f"src.tasks.{config.task}").run(config, folder)
    except UserError as error:  # the other jobs of a sweep still run
        write_whole(folder / REFUSED, str(error))
    except Exception as error:
        sentence = storage_sentence(error) if isinstance(error, OSError) else None
        if sentence is not None:
            write_whole(folder / REFUSED, sentence)
        elif config.task in SWEPT:
            write_whole(folder / FAILED, failure_sentence(error))
        else:
            raise


def failure_sentence(error: Exception) -> str:
    """What a job of a sweep failed of; its traceback is shown where that is not memory."""
    if is_out_of_memory(error):
        return (
            "Memory ran out in a cell: give it more, as with fewer jobs at once "
            "(hydra.launcher.n_jobs), or draw less at once with a smaller evaluation.batch_size."
        )
    traceback.print_exc()
    return f"{type(error).__name__}: {error}"


@lru_cache
def end_with_sweep() -> None:
    """From now on, let this process of a launcher end when its sweep has, once its job is done.

    joblib's would hold its memory and wait for jobs that nobody sends any more.
    """
    launched_by = os.getppid()

    def look() -> None:
        while os.getppid() == launched_by:
            time.sleep(LOOK_SECONDS)
        with BUSY:
            os._exit(0)

    threading.Thread(target=look, daemon=True).start()


def notes_below(folder: Path) -> list[Note]:
    """The notes of a run's folder, or of all jobs of a sweep's, in order; they are taken away."""
    found = []
    for path in sorted(folder.rglob(".*ed"), key=_job_number):
        if path.name in (REFUSED, FAILED):
            found.append(Note(path.parent, path.name == REFUSED, path.read_text(encoding="utf-8")))
            path.unlink()
    return found


def _job_number(path: Path) -> tuple:
    name = path.parent.name
    return (int(name) if name.isdecimal() else 0, name)
