"""Train one of the embedded models: a piece at a time, the same command continues."""

from pathlib import Path

from rich.console import Console

from src.config import RunConfig
from src.data.scenes import World
from src.errors import UserError
from src.experiments import RECORDS
from src.memory import keep_freed_memory


def run(config: RunConfig, folder: Path) -> bool:
    """Train for at most `training.max_minutes`; the outcome lies in experiments/NAME/runs/train.

    The folder does not depend on when the command is given, so that giving it again continues.
    Returns whether all steps are done.
    """
    from src.training import recipes  # torch, lightning and transformers: seconds to import

    keep_freed_memory()
    world, training = World(config.data), config.training
    place = RECORDS / config.name / "runs" / "train"
    try:
        if training.model == "vqgan":
            is_done = recipes.train_vqgan(world, training, config.seed, place)
        elif training.model == "clip":
            is_done = recipes.train_clip(world, training, config.seed, place)
        else:
            is_done = recipes.train_uvit(world, config.masking, training, config.seed, place)
    except FloatingPointError as error:
        raise UserError(f"{error}, or continue from the last checkpoint under {place}.") from error
    ending = "All steps are done" if is_done else "More steps are left; the same command continues"
    Console(highlight=False).print(f"{ending}. Checkpoints, curves and samples:\n  {place}")
    return is_done
