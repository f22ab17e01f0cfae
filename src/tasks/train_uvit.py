"""Train a model's U-ViT on people's pictures, on token ids or on drawn scenes: anew or further."""

from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from src.config import RunConfig
from src.data.scenes import World
from src.errors import UserError
from src.evaluation.measurement import Measurement
from src.experiments import RECORDS
from src.memory import keep_freed_memory
from src.tasks.inputs import choose_device, open_model
from src.whole_files import alone_in

NUM_SCENES = 1024  # test scenes


def run(config: RunConfig, folder: Path) -> bool:
    """Train for at most `training.max_minutes`; the outcome lies in `output_dir`.

    Without one it is experiments/NAME/runs/train. Neither depends on when the command is given, so
    that giving it again continues. Returns whether all steps are done; then the model is measured.
    """
    import torch

    from src.training.beginning import begun
    from src.training.checkpoint import seconds_trained
    from src.training.ranks import this_rank
    from src.training.uvit_recipe import Run, train_on_pictures, train_on_scenes

    if config.data.path is None and config.data.tokens is None and not config.data.glyphs:
        raise UserError(
            "There is nothing to train on: give data.path=PATH (captioned pictures), data.tokens= "
            "(a folder that +exp=encode_dataset wrote), or data=glyphs (drawn scenes)."
        )
    keep_freed_memory()
    device = choose_device(config.device, torch.cuda.device_count())
    place = RECORDS / config.name / "runs" / "train"
    place = Path(config.output_dir) if config.output_dir else place
    data, training = config.data, config.training
    amused = begun(open_model(config), training, config.seed)
    how = Run(training, config.masking, config.lora, config.seed, place, device)
    is_first = this_rank() == 0
    with alone_in(place) if is_first else nullcontext():
        try:
            if data.path is None and data.tokens is None:
                trained = train_on_scenes(amused, World(data), how)
                finding = trained and _on_scenes(trained, World(data))
            else:
                done = train_on_pictures(amused, data, how)
                finding = done and _on_own_rows(done)
        except FloatingPointError as error:
            raise UserError(f"{error} ({place}).") from error
    is_done = finding is not None
    if not is_first:
        return is_done
    ending = "All steps are done" if is_done else "Steps are left; the same command continues"
    Console(highlight=False).print(
        f"{ending}. Checkpoints, curves and samples:\n  {place}", markup=False
    )
    if is_done:
        _deliver(finding, config, place, device, seconds_trained(place))
    return is_done


class Finding(NamedTuple):
    """What is said of a finished model."""

    measurements: list[Measurement]
    weights_hash: str
    data_hash: str = ""


def _on_scenes(amused, world: World) -> Finding:
    from src.evaluation.components import scenes_token_prediction

    return Finding(scenes_token_prediction(amused, world, NUM_SCENES), amused.weights_hash)


def _on_own_rows(trained) -> Finding:
    from src.evaluation.token_prediction import token_prediction

    measured = token_prediction(trained.amused, *trained.samples[:3], "training rows")
    return Finding(measured, trained.amused.weights_hash, trained.data_hash)


def _deliver(finding: Finding, config: RunConfig, place: Path, device: str, seconds: float) -> None:
    """Leave the numbers, and curves where anything was logged."""
    from src.tasks.outcome import Outcome, deliver
    from src.tasks.training_figures import training_figures

    outcome = Outcome(
        measurements=finding.measurements,
        figures=training_figures(place, config.name),
        weights={config.model: finding.weights_hash[:12]},
        seeds={"training": config.seed},
        device=device,
        data_hash=finding.data_hash,
    )
    deliver(outcome, config, place, seconds)
