"""Settings of the VQGAN under their published names; the defaults are aMUSEd's."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from src.errors import UserError, nearest
from src.published.settings import check_positive, check_types, read_settings, write_settings

PRESETS = Path(__file__).parent / "presets"
CLASS_NAME, LIBRARY_VERSION = "VQModel", "0.25.0.dev0"
DOWN_BLOCK, UP_BLOCK = "DownEncoderBlock2D", "UpDecoderBlock2D"
ONLY_VALUES = {  # published keys of which this architecture knows one value
    "in_channels": 3,
    "out_channels": 3,
    "act_fn": "silu",
    "norm_type": "group",
    "mid_block_add_attention": False,
    "lookup_from_codebook": True,
}


@dataclass
class ImageTokenizerConfig:
    """The keys of the published `vqvae/config.json` (report, section 3)."""

    block_out_channels: list[int] = field(default_factory=lambda: [128, 256, 256, 512, 768])
    layers_per_block: int = 2  # residual blocks per level; the decoder has one more
    latent_channels: int = 64
    num_vq_embeddings: int = 8192  # codes
    vq_embed_dim: int | None = None  # width of a code; null = latent_channels
    norm_num_groups: int = 32
    sample_size: int = 32  # side of the token grid; describes the file, fixes nothing
    force_upcast: bool = True  # run in float32 even where the rest is in half precision
    scaling_factor: float = 0.18215  # carried along, used nowhere
    down_block_types: list[str] = field(default_factory=lambda: [DOWN_BLOCK] * 5)
    up_block_types: list[str] = field(default_factory=lambda: [UP_BLOCK] * 5)
    in_channels: int = 3
    out_channels: int = 3
    act_fn: str = "silu"
    norm_type: str = "group"
    mid_block_add_attention: bool = False
    lookup_from_codebook: bool = True


def check(config: ImageTokenizerConfig, place: str = "The image tokenizer's configuration") -> None:
    """Raise UserError, in one sentence, for the first value that no VQGAN can be built from."""
    check_types(config, place)
    sizes = ("layers_per_block", "latent_channels", "num_vq_embeddings", "vq_embed_dim")
    check_positive(config, (*sizes, "norm_num_groups", "sample_size"), place)
    for name, value in ONLY_VALUES.items():
        if getattr(config, name) != value:
            raise UserError(
                f"{place} has {name} = {getattr(config, name)!r}, which should be {value!r}: "
                "the only one this architecture knows."
            )
    if not config.block_out_channels:
        raise UserError(f"{place} has block_out_channels = [], which should name at least one level.")
    for channels in config.block_out_channels:
        if channels <= 0 or channels % config.norm_num_groups:
            raise UserError(
                f"{place} has {channels} in block_out_channels, which should be a multiple of "
                f"norm_num_groups = {config.norm_num_groups}."
            )
    for name, kind in (("down_block_types", DOWN_BLOCK), ("up_block_types", UP_BLOCK)):
        expected = [kind] * len(config.block_out_channels)
        if getattr(config, name) != expected:
            raise UserError(
                f"{place} has {name} = {getattr(config, name)}, which should be '{kind}' once for "
                f"each of the {len(expected)} levels of block_out_channels."
            )


def small(
    block_out_channels: list[int],
    layers_per_block: int,
    latent_channels: int,
    num_vq_embeddings: int,
    norm_num_groups: int,
    sample_size: int,
) -> ImageTokenizerConfig:
    """A VQGAN of other sizes, with the published list of block names filled in to match."""
    levels = len(block_out_channels)
    return ImageTokenizerConfig(
        block_out_channels=block_out_channels,
        layers_per_block=layers_per_block,
        latent_channels=latent_channels,
        num_vq_embeddings=num_vq_embeddings,
        norm_num_groups=norm_num_groups,
        sample_size=sample_size,
        down_block_types=[DOWN_BLOCK] * levels,
        up_block_types=[UP_BLOCK] * levels,
    )


def from_published(
    published: Mapping[str, Any], place: str = "The image tokenizer's configuration"
) -> ImageTokenizerConfig:
    """Read and check the published JSON object; `place` names it in errors (UserError)."""
    config = read_settings(ImageTokenizerConfig, published, place)
    check(config, place)
    return config


def to_published(config: ImageTokenizerConfig) -> dict[str, Any]:
    """The JSON object that diffusers' VQModel opens."""
    return write_settings(config, CLASS_NAME, LIBRARY_VERSION)


def preset(name: str) -> ImageTokenizerConfig:
    """The configuration `presets/NAME.json`; raises UserError, with the known names, if there is none."""
    known = [path.stem for path in PRESETS.glob("*.json")]
    if name not in known:
        raise UserError(f"There is no image tokenizer preset '{name}': {nearest(name, known)}")
    return from_published(json.loads((PRESETS / f"{name}.json").read_text()), f"preset {name}")
