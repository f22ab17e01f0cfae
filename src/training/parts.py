"""What one training leaves and the next builds on: opened whole, checked to be of one set."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import AutoTokenizer, CLIPTextModelWithProjection
from transformers.utils import logging as transformers_logging

from src.amused import Amused
from src.checkpoint.checksums import verify
from src.checkpoint.fit import fit
from src.checkpoint.folder import settings_name, weights_name
from src.checkpoint.write import new_checkpoint, write_settings, write_tensors
from src.conditioning.glyph_tokenizer import WORD_START
from src.conditioning.text import TextEncoder
from src.data.captions import vocabulary
from src.data.scenes import World
from src.errors import UserError
from src.image_tokenizer import config as image_tokenizer_config
from src.image_tokenizer import weights as image_tokenizer_weights
from src.image_tokenizer.vqgan import VQGAN
from src.training.config import TrainingConfig
from src.transformer.config import TransformerConfig

FINISHED = "model"  # folder inside a run, there once all steps are done


def save_image_tokenizer(vqgan: VQGAN, run: Path) -> None:
    """Leave a finished VQGAN in its run's folder, in the published layout's `vqvae`."""
    tensors = image_tokenizer_weights.to_published(vqgan.state_dict())
    with new_checkpoint(run / FINISHED) as draft:
        write_settings(draft, "vqvae", image_tokenizer_config.to_published(vqgan.config))
        write_tensors(draft, "vqvae", tensors, torch.float32, None)


def open_image_tokenizer(config: TrainingConfig) -> VQGAN:
    """The VQGAN that `training.image_tokenizer` names; raises UserError if it is not finished."""
    if config.image_tokenizer is None:
        return Amused.embedded().image_tokenizer
    folder = Path(config.image_tokenizer) / FINISHED
    settings_path = folder / "vqvae" / settings_name("vqvae")
    weights_path = folder / "vqvae" / weights_name("vqvae")
    if not (settings_path.is_file() and weights_path.is_file()):
        raise UserError(
            f"training.image_tokenizer={config.image_tokenizer} holds no finished image tokenizer "
            f"({FINISHED}/vqvae): train this model to its last step first."
        )
    for path in (settings_path, weights_path):
        verify(folder, path)
    settings = json.loads(settings_path.read_text(encoding="utf-8"))
    settings = {key: value for key, value in settings.items() if not key.startswith("_")}
    vqgan = VQGAN(image_tokenizer_config.from_published(settings, str(settings_path)))
    try:
        tensors = load_file(weights_path)
    except SafetensorError as error:
        raise UserError(f"{weights_path} is damaged ({error}): train this model again.") from error
    fit(
        vqgan,
        tensors,
        weights_path,
        torch.float32,
        image_tokenizer_weights.to_published,
        image_tokenizer_weights.from_published,
    )
    return vqgan.eval()


def save_clip(parts: tuple, run: Path) -> Path:
    """Leave a finished CLIP pair in its run's folder, as transformers saves each part."""
    with new_checkpoint(run / FINISHED) as draft:
        for part in parts:
            part.save_pretrained(draft)
    return run / FINISHED


def open_text_encoder(config: TrainingConfig) -> TextEncoder:
    """The text tower that `training.text_encoder` names; raises UserError if it is not finished."""
    if config.text_encoder is None:
        return Amused.embedded().text_encoder
    folder = Path(config.text_encoder) / FINISHED
    if not (folder / "config.json").is_file():
        raise UserError(
            f"training.text_encoder={config.text_encoder} holds no {FINISHED}/config.json: train "
            "the CLIP pair to its last step first."
        )
    transformers_logging.set_verbosity_error()  # or it reports the picture tower as unexpected
    tower = CLIPTextModelWithProjection.from_pretrained(folder, dtype=torch.float32)
    return TextEncoder(tower.eval(), AutoTokenizer.from_pretrained(folder))


def check_parts(
    world: World,
    settings: TransformerConfig,
    vqgan: VQGAN,
    text_encoder: TextEncoder,
    config: TrainingConfig,
) -> None:
    """Raise UserError unless the opened parts are of this world and of the U-ViT's sizes."""
    tokenizer = f"training.image_tokenizer={config.image_tokenizer or 'the shipped one'}"
    tower = f"training.text_encoder={config.text_encoder or 'the shipped one'}"
    clip, preset = text_encoder.clip.config, f"training.preset={config.preset}"
    for part, what, has, asker, needs in (
        (tokenizer, "picture pixels", vqgan.config.sample_size, "the world", world.picture_size),
        (tokenizer, "codes", vqgan.codebook_size, preset, settings.codebook_size),
        (tower, "numbers a word", clip.hidden_size, preset, settings.encoder_hidden_size),
        (tower, "numbers a prompt", clip.projection_dim, preset, settings.cond_embed_dim),
    ):
        if has != needs:
            raise UserError(f"{part} has {has} {what}, and {asker} {needs}: give parts of one set.")
    known = {word.removeprefix(WORD_START) for word in text_encoder.tokenizer.get_vocab()}
    if strange := [word for word in vocabulary(world) if word not in known]:
        raise UserError(
            f"{tower} does not know this world's words {', '.join(strange)}: give the run of a "
            "CLIP pair that was trained on the same data."
        )
