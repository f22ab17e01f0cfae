"""Train one of the embedded models: a piece at a time, the same command continues."""

from pathlib import Path

from rich.console import Console

from src.config import RunConfig
from src.data.scenes import World
from src.errors import UserError
from src.experiments import RECORDS
from src.memory import keep_freed_memory
from src.tasks.inputs import choose_device
from src.training.config import TrainingConfig
from src.whole_files import alone_in

NUM_MEASURED = 1024  # test scenes


def run(config: RunConfig, folder: Path) -> bool:
    """Train for at most `training.max_minutes`; the outcome lies in experiments/NAME/runs/train.

    The folder does not depend on when the command is given, so that giving it again continues.
    When all steps are done the model is measured and recorded. Returns whether they are.
    """
    import torch

    from src.training import (  # lightning and transformers: seconds to import
        beginning,
        recipes,
        uvit_recipe,
    )
    from src.training.checkpoint import seconds_trained

    keep_freed_memory()
    world, training = World(config.data), config.training
    device = choose_device(config.device, torch.cuda.device_count())
    place = RECORDS / config.name / "runs" / "train"
    _check_folders(training)
    inputs = (world, training, config.seed, place, device)
    with alone_in(place):
        try:
            if training.model == "vqgan":
                trained = recipes.train_vqgan(*inputs)
            elif training.model == "clip":
                trained = recipes.train_clip(*inputs)
            else:
                amused = beginning.new_system(world, training, config.masking, config.seed)
                how = uvit_recipe.Run(
                    training, config.masking, config.lora, config.seed, place, device
                )
                trained = uvit_recipe.train_on_scenes(amused, world, how)
        except FloatingPointError as error:
            raise UserError(f"{error} ({place}).") from error
    is_done = trained is not None
    ending = "All steps are done" if is_done else "Steps are left; the same command continues"
    Console(highlight=False).print(f"{ending}. Checkpoints, curves and samples:\n  {place}")
    if is_done:
        _deliver(trained, world, config, place, device, seconds_trained(place))
    return is_done


def _check_folders(training: TrainingConfig) -> None:
    """Raise UserError for a part to build on that is not there, before the run is begun."""
    for key in ("image_tokenizer", "text_encoder"):
        place = getattr(training, key)
        if training.model == "uvit" and place is not None and not Path(place).is_dir():
            raise UserError(
                f"training.{key}={place} is not a folder; give that of a finished training, as "
                "experiments/NAME/runs/train."
            )


def _deliver(
    trained, world: World, config: RunConfig, place: Path, device: str, seconds: float
) -> None:
    """Measure what was trained; leave its numbers, and curves where anything was logged."""
    from src.checkpoint.fingerprint import weights_hash
    from src.evaluation.components import retrieval, round_trip, scenes_token_prediction
    from src.evaluation.features import ClipEncoder
    from src.tasks.outcome import Outcome, deliver
    from src.tasks.training_figures import training_figures

    if config.training.model == "vqgan":
        measurements = round_trip(trained, world, NUM_MEASURED)
        digest = weights_hash(trained.state_dict())
    elif config.training.model == "clip":
        clip = ClipEncoder.open(trained, "glyph-clip")
        measurements, digest = retrieval(clip, world, NUM_MEASURED), clip.weights_hash
    else:
        measurements = scenes_token_prediction(trained, world, NUM_MEASURED)
        digest = trained.weights_hash  # of the whole pipeline: it names the parts built on as well
    outcome = Outcome(
        measurements=measurements,
        figures=training_figures(place, config.name),
        weights={config.training.model: digest[:12]},
        seeds={"training": config.seed},
        device=device,
    )
    deliver(outcome, config, place, seconds)
