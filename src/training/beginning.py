"""The model to be trained: on random weights, of the embedded parts, or one that is there."""

from collections.abc import Callable

from torch import Generator

from src.amused import Amused
from src.data.scenes import World
from src.errors import UserError
from src.image_tokenizer import config as image_tokenizer_config
from src.image_tokenizer.config import ImageTokenizerConfig
from src.image_tokenizer.vqgan import VQGAN
from src.masking.config import MaskingConfig
from src.training.config import TrainingConfig
from src.training.parts import check_parts, open_image_tokenizer, open_text_encoder
from src.training.samples import SCENES_GUIDANCE_SCALE
from src.transformer import config as transformer_config
from src.transformer.config import TransformerConfig
from src.transformer.grow import grow
from src.transformer.uvit import UViT


def new_system(world: World, config: TrainingConfig, masking: MaskingConfig, seed: int) -> Amused:
    """A U-ViT of `training.preset` on fresh weights, and the parts it builds on.

    Raises UserError for parts that are not finished or not of one set.
    """
    vqgan, text_encoder = open_image_tokenizer(config), open_text_encoder(config)
    settings = transformer_config.preset(config.preset)
    check_parts(world, settings, vqgan, text_encoder, config)
    uvit = UViT(settings, generator=Generator().manual_seed(seed))
    return Amused(uvit, vqgan, text_encoder, masking.schedule, SCENES_GUIDANCE_SCALE)


def begun(opened: Amused, config: TrainingConfig, seed: int) -> Amused:
    """An opened model as its U-ViT's training begins: with its weights, grown, or on fresh ones.

    `training.image_tokenizer` and `training.text_encoder` take the places of its own parts.
    Raises UserError if `training.preset` is not for these parts or cannot begin with this model.
    """
    opened = _with_parts(opened, config)
    settings = opened.transformer.config
    if config.preset is not None:
        settings = transformer_config.preset(config.preset)
    rng = Generator().manual_seed(seed)
    if config.begin == "anew" or config.image_tokenizer or config.text_encoder:
        _check_fits(settings, opened, config)
    if config.begin == "anew":
        return _with(opened, UViT(settings, generator=rng))
    if settings != opened.transformer.config:
        return _with(opened, grow(opened.transformer, settings, rng))
    return opened


def begun_vqgan(open_named: Callable[[], VQGAN], config: TrainingConfig, seed: int) -> VQGAN:
    """A VQGAN as its training begins: on random weights, or those of one that is there.

    open_named: opens the one of `model`, which may be gigabytes away, where it is of use.

    Raises UserError if `training.preset` is unknown, or another architecture than what it begins
    with.
    """
    settings, rng = None, Generator().manual_seed(seed)
    if config.preset is not None:
        settings = image_tokenizer_config.preset(config.preset)
    if config.begin == "anew" and settings is not None:
        return VQGAN(settings, generator=rng)
    opened = open_named() if config.image_tokenizer is None else open_image_tokenizer(config)
    if config.begin == "anew":
        return VQGAN(opened.config, generator=rng)
    if settings is not None and _shape(settings) != _shape(opened.config):
        raise UserError(
            f"training.preset={config.preset} is another architecture than the VQGAN that "
            "training.begin=model begins with; give training.preset=null, which takes it as it is."
        )
    return opened


def _shape(settings: ImageTokenizerConfig) -> tuple:
    """What decides the shapes of a VQGAN's weights."""
    dim = settings.vq_embed_dim or settings.latent_channels
    sizes = (settings.layers_per_block, settings.latent_channels, settings.norm_num_groups)
    return tuple(settings.block_out_channels), *sizes, settings.num_vq_embeddings, dim


def _with_parts(opened: Amused, config: TrainingConfig) -> Amused:
    """The same system on the parts that the settings name; they are on its device."""
    vqgan, text_encoder = opened.image_tokenizer, opened.text_encoder
    if config.image_tokenizer is not None:
        vqgan = open_image_tokenizer(config).to(opened.device)
    if config.text_encoder is not None:
        text_encoder = open_text_encoder(config).to(opened.device)
    return Amused(opened.transformer, vqgan, text_encoder, opened.mask_schedule)


def _with(amused: Amused, uvit: UViT) -> Amused:
    """The same system with another U-ViT."""
    parts = amused.image_tokenizer, amused.text_encoder
    return Amused(uvit, *parts, amused.mask_schedule, amused.guidance_scale)


def _check_fits(settings: TransformerConfig, opened: Amused, config: TrainingConfig) -> None:
    clip = opened.text_encoder.clip.config
    for what, needs, has in (
        ("codes", settings.codebook_size, opened.image_tokenizer.codebook_size),
        ("numbers a word", settings.encoder_hidden_size, clip.hidden_size),
        ("numbers a prompt", settings.cond_embed_dim, clip.projection_dim),
    ):
        if needs != has:
            raise UserError(
                f"training.preset={config.preset} needs {needs} {what}, and the parts of model= "
                f"(or training.image_tokenizer, training.text_encoder) have {has}: give a preset "
                "and parts of one set."
            )
