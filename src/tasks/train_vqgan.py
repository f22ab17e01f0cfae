"""Train a VQGAN on people's pictures: on random weights, or a published one further."""

from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console

from src.config import RunConfig
from src.errors import UserError
from src.evaluation.measurement import Measurement
from src.experiments import RECORDS
from src.memory import keep_freed_memory
from src.tasks.inputs import choose_device, open_named_vqgan
from src.whole_files import alone_in

SUBJECT = "training rows"  # people's data have no test side of ours


def run(config: RunConfig, folder: Path) -> bool:
    """Train for at most `training.max_minutes`; the outcome lies in `output_dir`.

    Without one it is experiments/NAME/runs/train. Neither depends on when the command is given, so
    that giving it again continues. Returns whether all steps are done; then the VQGAN is measured,
    and `training.image_tokenizer=` may name the folder.
    """
    import torch

    from src.evaluation.suite import open_clip
    from src.training.beginning import begun_vqgan
    from src.training.checkpoint import seconds_trained
    from src.training.tokenizer_recipe import TokenizerRun, train_tokenizer

    if config.data.path is None:
        raise UserError(
            "There is nothing to train on: give data.path=PATH, a folder of pictures or another of "
            "the kinds that README.md names; captions are not needed."
        )
    keep_freed_memory()
    device = choose_device(config.device, torch.cuda.device_count())
    clip = open_clip(config.evaluation, device)  # now, or it would be refused when all is trained
    place = RECORDS / config.name / "runs" / "train"
    place = Path(config.output_dir) if config.output_dir else place
    vqgan = begun_vqgan(partial(open_named_vqgan, config), config.training, config.seed)
    how = TokenizerRun(config.training, config.tokenizer, config.seed, place, device)
    with alone_in(place):
        try:
            trained = train_tokenizer(vqgan, config.data, how)
        except FloatingPointError as error:
            raise UserError(f"{error} ({place}).") from error
    is_done = trained is not None
    ending = "All steps are done" if is_done else "Steps are left; the same command continues"
    Console(highlight=False).print(f"{ending}. Checkpoints, curves and samples:\n  {place}")
    if is_done:
        _deliver(trained, clip, config, place, device, seconds_trained(place))
    return is_done


def _deliver(trained, clip, config: RunConfig, place: Path, device: str, seconds: float) -> None:
    """Measure what was trained; leave its numbers, and curves where anything was logged."""
    from src.checkpoint.fingerprint import SHORT_LENGTH, weights_hash
    from src.tasks.outcome import Outcome, deliver
    from src.tasks.training_figures import training_figures

    digest = weights_hash(trained.vqgan.state_dict())[:SHORT_LENGTH]
    outcome = Outcome(
        measurements=_measured(trained, clip, config, device),
        figures=training_figures(place, config.name),
        weights={"vqgan": digest, clip.name: clip.weights_hash},
        seeds={"training": config.seed, "intervals": config.evaluation.reference_seed},
        device=device,
        data_hash=trained.data_hash,
    )
    deliver(outcome, config, place, seconds)


def _measured(trained, clip, config: RunConfig, device: str) -> list[Measurement]:
    """PSNR, SSIM, Fréchet distance and codes in use, on `evaluation.num_reference` rows at most."""
    from src.evaluation.tokenizer_quality import tokenizer_quality
    from src.training.tokenizer_recipe import some_pictures

    pictures = some_pictures(trained.pictures, config.evaluation.num_reference)
    return tokenizer_quality(
        trained.vqgan.to(device),
        pictures,
        np.random.default_rng(config.evaluation.reference_seed),
        clip if len(pictures) > 1 else None,  # a single picture has no spread to compare
        config.evaluation.confidence,
        SUBJECT,
    )
