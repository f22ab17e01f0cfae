"""One cell of an ablation of training: a U-ViT is trained as the cell says, then asked as all are.

A training is kept below the name of all that it depends on: cells that differ only in how they
draw share one, and a training that was cut off goes on where it was. src/tasks/sweep.py holds a
sweep together.
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from src.config import RunConfig, settings_read
from src.evaluation.cell import measure_cell
from src.experiments import ROOT
from src.report.cells import Identity, current_cell, write_cell
from src.report.code_at_start import code_at_start
from src.report.record import FILE_NAME, identity_of
from src.tasks import train_uvit
from src.tasks.ablate import Bench, alone_at, draw, home_of, open_bench, passes_expected, seeds_of
from src.tasks.inputs import open_model
from src.tasks.outcome import Outcome, record_of
from src.training.uvit_recipe import ADAPTER, FINISHED
from src.whole_files import told_in_a_sentence

__all__ = ["defaults", "home_of", "identify", "open_bench", "passes_expected", "run"]  # of a sweep

TASK, TRAINING = "ablate_training", "train_uvit"
FOLDER = "trainings"  # below the sweep's home


def run(config: RunConfig, folder: Path) -> None:
    """Train, draw and measure the cell of this configuration, unless that has been done."""
    bench = open_bench(config)
    identity = identify(config, bench)
    home = home_of(config)
    with alone_at(identity.key, home):
        if current_cell(identity, home, defaults()) is not None:
            return
        started = time.perf_counter()
        bench = bench._replace(model=trained_model(config, bench, home))
        drawn = draw(config, bench)
        measurements, columns = measure_cell(bench.asked, drawn, bench.clip, config.evaluation)
        outcome = Outcome(
            measurements=measurements,
            figures={},
            weights=identity.weights,
            seeds=seeds_of(config) | {"training": config.seed},
            device=str(bench.model.device),
            data_hash=identity.data_hash,
        )
        write_cell(record_of(outcome, config, time.perf_counter() - started), columns, home)


def identify(config: RunConfig, bench: Bench) -> Identity:
    """All that the cell's numbers depend on: its settings, and the weights that it begins with."""
    settings = settings_read(config, TASK)
    key = identity_of(settings, defaults(), bench.weights, bench.asked.hash)
    return Identity(key, settings, bench.weights, bench.asked.hash)


def defaults() -> dict[str, Any]:
    return settings_read(RunConfig(), TASK)


def trained_model(config: RunConfig, bench: Bench, home: Path):
    """The cell's model: trained to its last step here, or by another cell before."""
    place = home / FOLDER / training_key(config, bench)
    with told_in_a_sentence(place):
        place.mkdir(parents=True, exist_ok=True)
    with FileLock(place / ".cells.lock"):  # another cell of this training waits for its end
        own = replace(config, output_dir=str(place), save_record=False)
        is_done = (place / FILE_NAME).is_file()  # written last
        while not is_done:  # of one training.max_minutes after the other
            is_done = train_uvit.run(own, place)
    if config.training.method == "lora":
        return open_model(replace(config, adapter=str(place / ADAPTER)))
    return open_model(replace(config, model=str(place / FINISHED), variant=None, adapter=None))


def training_key(config: RunConfig, bench: Bench) -> str:
    """Of what the trained weights depend on: settings, the weights begun with, and code."""
    settings, usual = (settings_read(each, TRAINING) for each in (config, RunConfig()))
    depends = {"begun with": bench.weights["model"], **code_at_start(TRAINING, ROOT).used}
    return identity_of(settings, usual, depends, "")
