"""A VQGAN's training on people's own pictures, and the image tokenizer that it leaves.

Dimensions: batch, height and width in pixels.
"""

from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from src.checkpoint.checksums import file_hash
from src.checkpoint.fingerprint import SHORT_LENGTH, weights_hash
from src.data.bad_rows import BadRows
from src.data.captioned import CaptionedPictures
from src.data.config import DataConfig
from src.data.source import open_source
from src.data.survey import survey
from src.errors import UserError
from src.image_tokenizer.vqgan import VQGAN
from src.training.bad_rows import NoteBadRows, name_of_list
from src.training.checkpoint import averaged_weights
from src.training.config import TrainingConfig
from src.training.discriminator import smallest_side
from src.training.fit import fit
from src.training.parts import save_image_tokenizer
from src.training.perceptual import open_perceptual, weights_file
from src.training.picture_batches import PictureBatches
from src.training.run_identity import claim_run, run_identity
from src.training.samples import SampleRoundTrips
from src.training.tokenizer_config import TokenizerLossConfig
from src.training.tokenizer_module import TokenizerModule

NUM_SHOWN = 16  # pictures of the sample sheets
NONE = "none"  # instead of the hash of weights that a run does without


class TokenizerRun(NamedTuple):
    """How a VQGAN is trained, and where."""

    config: TrainingConfig
    losses: TokenizerLossConfig
    seed: int
    folder: Path  # of checkpoints, logs and the finished model
    device: str = "auto"


class TrainedTokenizer(NamedTuple):
    """What a finished training leaves, and what it can be measured on."""

    vqgan: VQGAN
    pictures: CaptionedPictures
    data_hash: str


def train_tokenizer(vqgan: VQGAN, data: DataConfig, run: TokenizerRun) -> TrainedTokenizer | None:
    """Train this VQGAN in place for one piece on the pictures at `data.path`.

    The averaged one when all steps are done; `run.folder` then holds it for
    `training.image_tokenizer=` to name.

    Raises UserError for data that cannot be opened or are too few, a picture size that the VQGAN or
    its judges cannot take, and a folder that was begun otherwise.
    """
    _check_picture_size(vqgan, data, run.losses)
    source = open_source(data, is_captioned=False)
    pictures = CaptionedPictures(source, data, data.picture_size, run.seed)
    config, folder = run.config, run.folder
    if config.batch_size > len(pictures):
        raise UserError(
            f"training.batch_size={config.batch_size} is more than the {len(pictures)} rows of "
            f"data.path={data.path}: give at most {len(pictures)}."
        )
    identity = _identity(vqgan, data, run) | {"data, content": source.fingerprint}
    perceptual, shown = open_perceptual(run.losses), some_pictures(pictures, NUM_SHOWN)
    module = TokenizerModule(vqgan.train(), config, run.losses, run.seed, perceptual)
    claim_run(folder, identity)
    told = [
        NoteBadRows(BadRows(folder / name_of_list(0), data.max_bad_ratio)),
        SampleRoundTrips(shown, config.sample_every, folder),
    ]
    batches = PictureBatches(pictures, config.batch_size)
    steps = fit(module, batches, config, folder, told, run.device)
    if steps < config.max_steps:
        return None
    vqgan.load_state_dict(averaged_weights(folder))
    vqgan.to("cpu").eval()
    save_image_tokenizer(vqgan, folder)
    return TrainedTokenizer(vqgan, pictures, source.fingerprint)


def some_pictures(pictures: CaptionedPictures, most: int) -> np.ndarray:
    """The middles of `most` rows spread over the table, bad ones left out: `batch height width 3`.

    Raises UserError where none of them is good.
    """
    seen = survey(pictures, most)
    if not seen.pictures:
        first = seen.refusals[0]
        raise UserError(
            f"None of {len(seen.refusals)} rows of data.path={pictures.config.path} can be looked "
            f"at; row {first.row}: {first.reason}; mend them, or give other pictures."
        )
    return np.stack([each.picture for each in seen.pictures])


def _identity(vqgan: VQGAN, data: DataConfig, run: TokenizerRun) -> dict:
    """What the run is begun with; VGG's weights are known by their content, wherever they lie."""
    losses = {key: v for key, v in asdict(run.losses).items() if key != "vgg_weights"}
    built_on = {"image_tokenizer": NONE, "vgg": NONE}
    if run.config.begin == "model":
        built_on["image_tokenizer"] = weights_hash(vqgan.state_dict())[:SHORT_LENGTH]
    if run.losses.perceptual_weight > 0:
        built_on["vgg"] = file_hash(weights_file(run.losses.vgg_weights))[:SHORT_LENGTH]
    told = {f"tokenizer.{key}": value for key, value in losses.items()}
    begun = {"training.begin": run.config.begin, "architecture": asdict(vqgan.config)}
    return run_identity(data, run.config, run.seed, parts=built_on) | told | begun


def _check_picture_size(vqgan: VQGAN, data: DataConfig, losses: TokenizerLossConfig) -> None:
    size, cell = data.picture_size, vqgan.downscale
    if size % cell:
        below = size // cell * cell
        raise UserError(
            f"data.picture_size={size} does not fill a token grid: the VQGAN makes one token of "
            f"{cell} x {cell} pixels; give {f'{below} or ' if below else ''}{below + cell}."
        )
    smallest = smallest_side(losses.discriminator_layers)
    if losses.gan_weight > 0 and size < smallest:
        raise UserError(
            f"data.picture_size={size} is too small for a discriminator of "
            f"tokenizer.discriminator_layers={losses.discriminator_layers}, which needs {smallest} "
            "pixels; give larger pictures, fewer layers, or tokenizer.gan_weight=0."
        )
