"""Learn a few photographs by heart: a VQGAN, a U-ViT on its tokens, and each photograph recalled.

The whole path of training on people's own pictures in one small run: nothing of it is left to a
published checkpoint but how prompts are read.
"""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from rich.console import Console

from src.compose import composed
from src.config import RunConfig, check
from src.errors import UserError
from src.evaluation.measurement import Measurement
from src.experiments import RECORDS
from src.tasks import train_vqgan
from src.tasks.data_rows import every_row
from src.tasks.drawn_once import draw_once
from src.tasks.inputs import choose_device, open_model
from src.training.config import SHARED_KEYS
from src.whole_files import alone_in

TOKENIZER = "memorise_vqgan"  # the experiment's file that says how the VQGAN is trained
NUM_SEEDS = 4  # pictures drawn from each caption
MOST = 64  # photographs; more is no memory but a data set


class Recalled(NamedTuple):
    """Photographs, and what came back: through tokens alone, and from the captions."""

    captions: list[str]
    pictures: list[Image.Image]
    round_trips: list[Image.Image]
    drawn: list[Image.Image]  # NUM_SEEDS of each caption, in turn


def run(config: RunConfig, folder: Path) -> bool:
    """Train both in `output_dir`, or in experiments/NAME/runs/train; whether all is done.

    The same command continues where it was.
    """
    import torch

    from src.training.beginning import begun
    from src.training.uvit_recipe import Run, train_on_pictures

    captions, pictures = _photographs(config)
    place = Path(config.output_dir or RECORDS / config.name / "runs" / "train")
    tokenizer = _tokenizer_stage(config, place / "vqgan")
    if not train_vqgan.run(tokenizer, folder):
        return False
    device = choose_device(config.device, torch.cuda.device_count())
    training = replace(config.training, image_tokenizer=str(place / "vqgan"))
    with alone_in(place):
        amused = begun(open_model(config), training, config.seed)
        how = Run(training, config.masking, config.lora, config.seed, place / "uvit", device)
        try:
            trained = train_on_pictures(amused, config.data, how)
        except FloatingPointError as error:
            raise UserError(f"{error} ({place}).") from error
        if trained is None:
            sentence = f"Steps are left; the same command continues.\n  {place}"
            Console(highlight=False).print(sentence)
            return False
        model = trained.amused.to(device)
        prompts = [caption for caption in captions for _ in range(NUM_SEEDS)]
        drawn = draw_once(config, model, prompts, config.seed, place / "recalled")
        back = model.decode_tokens(model.encode_images(pictures))
        _deliver(Recalled(captions, pictures, back, drawn), trained, config, place)
    return True


def _tokenizer_stage(config: RunConfig, place: Path) -> RunConfig:
    """The VQGAN's training: its own file's settings on the photographs of this run."""
    stage = composed([f"+exp={TOKENIZER}"]).config
    shared = {key: getattr(config.training, key) for key in SHARED_KEYS}
    together = min(stage.training.batch_size, config.training.batch_size)
    training = replace(stage.training, batch_size=together, **shared)
    stage = replace(stage, data=config.data, seed=config.seed, training=training)
    stage = replace(stage, device=config.device, output_dir=str(place))
    check(stage)
    return stage


def _photographs(config: RunConfig) -> tuple[list[str], list[Image.Image]]:
    """Captions and pictures, as the models are shown them; raises UserError if they cannot be told
    apart by their captions."""
    from src.data.captioned import CaptionedPictures
    from src.data.source import open_source

    if config.data.path is None:
        raise UserError("data.path is missing: give a folder of captioned photographs.")
    source = open_source(config.data)
    if len(source) > MOST:
        raise UserError(
            f"data.path={config.data.path} has {len(source)} rows: give at most {MOST}."
        )
    rows = CaptionedPictures(source, config.data, config.data.picture_size, config.seed)
    found = every_row(rows, len(source), config.data.path)
    captions = [each.caption for each in found]
    if len(set(captions)) < len(captions):
        raise UserError(
            f"data.path={config.data.path} says the same of two photographs, so none of them can "
            "be asked for: give each a caption of its own."
        )
    return captions, [Image.fromarray(each.picture) for each in found]


def psnr_table(drawn: list[Image.Image], pictures: list[Image.Image]) -> np.ndarray:
    """Decibels between every drawn picture (rows) and every photograph (columns)."""
    from src.evaluation.psnr import psnr
    from src.image_tokenizer.pictures import to_pixels

    references = to_pixels(pictures)
    rows = [psnr(references, to_pixels(each).expand_as(references)).numpy() for each in drawn]
    return np.stack(rows).astype(float)


def _deliver(recalled: Recalled, trained, config: RunConfig, place: Path) -> None:
    from src.checkpoint.fingerprint import SHORT_LENGTH
    from src.tasks.outcome import Outcome, deliver
    from src.tasks.training_figures import training_figures
    from src.training.checkpoint import seconds_trained

    table = psnr_table(recalled.drawn, recalled.pictures)
    right = np.repeat(np.arange(len(recalled.pictures)), NUM_SEEDS)
    to_right = table[np.arange(len(table)), right]
    back = np.diag(psnr_table(recalled.round_trips, recalled.pictures))
    seconds = sum(seconds_trained(place / part) for part in ("vqgan", "uvit"))
    outcome = Outcome(
        measurements=_measured(to_right, table.argmax(axis=1) == right, back, config),
        figures={
            "recalled.png": _figure(recalled, to_right, back),
            **training_figures(place / "uvit", config.name),
        },
        weights={"model": trained.amused.weights_hash[:SHORT_LENGTH]},
        seeds={"training": config.seed, "pictures from": config.seed},
        device=config.device,
        data_hash=trained.data_hash,
    )
    deliver(outcome, config, place, seconds)


def _measured(
    to_right: np.ndarray, is_nearest: np.ndarray, back: np.ndarray, config: RunConfig
) -> list[Measurement]:
    from src.evaluation.intervals import bootstrap_interval, wilson_interval

    level, drawn = config.evaluation.confidence, "drawn from captions"
    mean = bootstrap_interval(to_right, np.random.default_rng(0), level)
    nearest = wilson_interval(int(is_nearest.sum()), len(is_nearest), level)
    name, kept = "PSNR to the right photograph, dB", "after the round trip"
    return [
        Measurement(name, float(to_right.mean()), len(to_right), *mean, subject=drawn),
        Measurement(f"{name}, the worst", float(to_right.min()), len(to_right), subject=drawn),
        Measurement(
            "the right photograph is the nearest",
            float(is_nearest.mean()),
            len(is_nearest),
            *nearest,
            subject=drawn,
            is_share=True,
        ),
        Measurement(name, float(back.mean()), len(back), subject=kept),
        Measurement(f"{name}, the worst", float(back.min()), len(back), subject=kept),
    ]


def _figure(recalled: Recalled, to_right: np.ndarray, back: np.ndarray):
    """A row of photographs, a row of what tokens keep, a row of what captions bring back."""
    from src.report.grid import picture_grid

    shown = [*recalled.pictures, *recalled.round_trips, *recalled.drawn[::NUM_SEEDS]]
    told = [
        *recalled.captions,
        *(f"its tokens: {each:.1f} dB" for each in back),
        *(f"from its caption: {each:.1f} dB" for each in to_right[::NUM_SEEDS]),
    ]
    return picture_grid(shown, told, len(recalled.pictures))
