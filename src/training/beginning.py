"""The system whose U-ViT is to be trained: of the embedded parts, or of a model that is there."""

from torch import Generator

from src.amused import Amused
from src.data.scenes import World
from src.errors import UserError
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

    Raises UserError if `training.preset` is not for this model's parts or cannot begin with it.
    """
    settings = opened.transformer.config
    if config.preset is not None:
        settings = transformer_config.preset(config.preset)
    rng = Generator().manual_seed(seed)
    if config.begin == "anew":
        _check_fits(settings, opened, config)
        return _with(opened, UViT(settings, generator=rng))
    if settings != opened.transformer.config:
        return _with(opened, grow(opened.transformer, settings, rng))
    return opened


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
                f"have {has}: give a preset and a model of one set."
            )
