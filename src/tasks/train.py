"""Train one of the embedded models: a piece at a time, the same command continues."""

import time
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from src.config import RunConfig
from src.data.scenes import World
from src.errors import UserError
from src.experiments import RECORDS
from src.memory import keep_freed_memory
from src.training.config import FREE_KEYS

NUM_MEASURED = 1024  # test scenes


def run(config: RunConfig, folder: Path) -> bool:
    """Train for at most `training.max_minutes`; the outcome lies in experiments/NAME/runs/train.

    The folder does not depend on when the command is given, so that giving it again continues.
    When all steps are done the model is measured and recorded. Returns whether they are.
    """
    from src.training import recipes
    from src.training.checkpoint import (
        claim_run,
    )  # torch, lightning and transformers: seconds to import

    keep_freed_memory()
    started = time.perf_counter()
    world, training = World(config.data), config.training
    place = RECORDS / config.name / "runs" / "train"
    claim_run(place, _identity(config))
    try:
        if training.model == "vqgan":
            trained = recipes.train_vqgan(world, training, config.seed, place)
        elif training.model == "clip":
            trained = recipes.train_clip(world, training, config.seed, place)
        else:
            trained = recipes.train_uvit(world, config.masking, training, config.seed, place)
    except FloatingPointError as error:
        raise UserError(f"{error}, or continue from the last checkpoint under {place}.") from error
    is_done = trained is not None
    ending = "All steps are done" if is_done else "Steps are left; the same command continues"
    Console(highlight=False).print(f"{ending}. Checkpoints, curves and samples:\n  {place}")
    if is_done:
        _deliver(trained, world, config, place, time.perf_counter() - started)
    return is_done


def _identity(config: RunConfig) -> dict:
    """What decides what is learned: world, masking, seed, and most of the training's settings."""
    training = {k: v for k, v in asdict(config.training).items() if k not in FREE_KEYS}
    stages = {"data": asdict(config.data), "training": training, "masking": asdict(config.masking)}
    flat = {f"{stage}.{k}": v for stage, values in stages.items() for k, v in values.items()}
    return flat | {"seed": config.seed}


def _deliver(trained, world: World, config: RunConfig, place: Path, seconds: float) -> None:
    """Measure what was trained; leave its numbers and curves."""
    from src.checkpoint.fingerprint import weights_hash
    from src.evaluation.components import retrieval, round_trip, token_prediction
    from src.evaluation.features import ClipEncoder
    from src.report.curves import read_curves, training_curves
    from src.tasks.outcome import Outcome, deliver

    if config.training.model == "vqgan":
        measurements = round_trip(trained, world, NUM_MEASURED)
        digest = weights_hash(trained.state_dict())
    elif config.training.model == "clip":
        clip = ClipEncoder.open(trained, "glyph-clip")
        measurements, digest = retrieval(clip, world, NUM_MEASURED), clip.weights_hash
    else:
        measurements = token_prediction(trained, world, NUM_MEASURED)
        digest = trained.weights_hash
    curves = read_curves(sorted(place.glob("csv_from_*/metrics.csv")))
    outcome = Outcome(
        measurements=measurements,
        figures={"curves.png": training_curves(curves, config.name)},
        weights={config.training.model: digest[:12]},
        seeds={"training": config.seed},
        device="cpu" if not _has_gpu() else "cuda",
    )
    deliver(outcome, config, place, seconds)


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()
