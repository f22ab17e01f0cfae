"""What a large folder of pictures takes: whole commands, by one worker and by several, in turns.

What every program of this kind pays, importing torch and transformers' CLIP, is measured by itself.
"""

import hashlib
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from src.config import RunConfig
from src.errors import UserError
from src.evaluation.measurement import Measurement
from src.evaluation.timing import median, ratio
from src.experiments import ROOT
from src.tasks.bulk_told import LOCKS, NOTE
from src.tasks.bulk_worker import crew_size, device_of, num_gpus
from src.tasks.outcome import Outcome, deliver, targets

NUM_ROUNDS = 3
IMPORTS = "import torch; from transformers import CLIPTextModelWithProjection"
ALONE = "0_of_1"  # the one share of all pictures


class Timed(NamedTuple):
    """One command that drew everything."""

    seconds: float  # from its start to its end
    an_hour: float  # pictures, since the models were open
    files: str  # hash of all pictures and their list


def run(config: RunConfig, folder: Path) -> None:
    """Draw the same pictures by one worker and by several, round by round; table and record."""
    started = time.perf_counter()
    targets(config, folder)  # one that cannot be written to is refused before the work
    most = crew_size(config, config.bulk.num_prompts)
    rounds = [measured_round(config, sorted({1, most})) for _ in range(NUM_ROUNDS)]
    outcome = Outcome(
        measurements=told(config, rounds),
        figures={},
        weights={"model": weights_of(config)},
        seeds={"prompts and first picture": config.seed},
        device=drawn_on(config, most),
    )
    deliver(outcome, config, folder, time.perf_counter() - started)


def measured_round(config: RunConfig, crews: list[int]) -> tuple[float, dict[int, Timed]]:
    """Seconds of importing alone, and of the whole command by every number of workers."""
    began = time.perf_counter()
    _ended([sys.executable, "-c", IMPORTS])
    imports = time.perf_counter() - began
    return imports, {num_workers: drawn_by(config, num_workers) for num_workers in crews}


def drawn_by(config: RunConfig, num_workers: int) -> Timed:
    """All pictures into a new folder, which is gone afterwards."""
    with TemporaryDirectory() as place:
        command = [
            *(sys.executable, "-m", "src.run", "+exp=draw_bulk", f"output_dir={place}/pictures"),
            *(f"model={config.model}", f"device={config.device}", f"seed={config.seed}"),
            f"bulk.num_prompts={config.bulk.num_prompts}",
            f"bulk.pictures_per_pass={config.bulk.pictures_per_pass}",
            f"bulk.num_threads={config.bulk.num_threads}",
            f"bulk.num_workers={num_workers}",
        ]
        began = time.perf_counter()
        _ended(command)
        seconds = time.perf_counter() - began
        folder = Path(place) / "pictures"
        note = json.loads((folder / LOCKS / ALONE / NOTE).read_text(encoding="utf-8"))
        return Timed(seconds, note["an_hour"], hash_of(folder))


def told(config: RunConfig, rounds: list[tuple[float, dict[int, Timed]]]) -> list[Measurement]:
    """The medians of all rounds; raises UserError where two commands left different files."""
    if len({timed.files for _, by in rounds for timed in by.values()}) > 1:
        raise UserError("the same pictures came out as different files: nothing was measured.")
    num_pictures = config.bulk.num_prompts
    imports = np.array([each for each, _ in rounds])
    note = (
        f"{num_pictures} pictures of as many prompts, {config.bulk.pictures_per_pass} through the "
        f"model at once, {config.bulk.num_threads} thread a worker; samples are rounds"
    )
    found = [median("seconds of importing torch and CLIP", imports, "python -c", IMPORTS)]
    rates = {}
    for num_workers in rounds[0][1]:
        seconds = np.array([by[num_workers].seconds for _, by in rounds])
        rates[num_workers] = np.array([by[num_workers].an_hour for _, by in rounds])
        who = f"{num_workers} worker{'s' * (num_workers > 1)}"
        found.append(median("seconds of the whole command", seconds, who, note))
        found.append(median("seconds beyond importing", seconds - imports, who, note))
        found.append(_higher(median("pictures an hour, models open", rates[num_workers], who)))
    one, most = min(rates), max(rates)
    if most > 1:
        above, below = rates[most], most * rates[one]
        subject, about = f"{most} workers", f"pictures an hour / ({most} x those of one alone)"
        found.append(_higher(ratio("parallel efficiency", above, below, subject, about)))
    return found


def hash_of(folder: Path) -> str:
    """Of the names and contents of everything but notes of runs."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith(LOCKS):
            digest.update(f"{name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def drawn_on(config: RunConfig, num_workers: int) -> str:
    """The device that the measured commands choose; of several GPUs the first."""
    return device_of(config, 0, num_workers, num_gpus(config))


def weights_of(config: RunConfig) -> str:
    """The hash that the pictures' folders were begun with."""
    from src.tasks.drawing import short_hash
    from src.tasks.inputs import open_model

    return short_hash(open_model(config))


def _higher(measured: Measurement) -> Measurement:
    return replace(measured, is_higher_better=True)


def _ended(command: list[str]) -> None:
    """Wait for a command; raises UserError with its last words where it fails."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        words = (done.stderr.strip().splitlines() or ["no words"])[-1]
        raise UserError(f"a measured command failed: {words}")
