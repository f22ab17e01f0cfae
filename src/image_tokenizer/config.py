"""Settings of the VQGAN under their published names; the defaults are aMUSEd's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from src.errors import UserError
from src.published.settings import (
    check_at_most,
    check_positive,
    check_types,
    read_preset,
    read_settings,
    write_settings,
)

PRESETS = Path(__file__).parent / "presets"
CLASS_NAME, LIBRARY_VERSION = "VQModel", "0.25.0.dev0"
DOWN_BLOCK, UP_BLOCK = "DownEncoderBlock2D", "UpDecoderBlock2D"
REQUIRED = (  # in every file; what came later or is alike in all models may be left out
    *("block_out_channels", "down_block_types", "up_block_types", "layers_per_block"),
    *("latent_channels", "num_vq_embeddings", "norm_num_groups"),
)
PRECISIONS = ("float32", "tf32", "bfloat16")  # of products in the decoder; tf32: on a GPU only
MOST = {"layers_per_block": 1000}  # building more would take all memory
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
    """The keys of the published `vqvae/config.json` (report, section 3).

    The two lists of block types, left empty, are filled in: one name for every level.
    """

    block_out_channels: list[int] = field(default_factory=lambda: [128, 256, 256, 512, 768])
    layers_per_block: int = 2  # residual blocks per level; the decoder has one more
    latent_channels: int = 64
    num_vq_embeddings: int = 8192  # codes
    vq_embed_dim: int | None = None  # width of a code; null = latent_channels
    norm_num_groups: int = 32
    sample_size: int = 32  # side of the token grid; describes the file, fixes nothing
    force_upcast: bool = True  # run in float32 even where the rest is in half precision
    scaling_factor: float = 0.18215  # carried along, used nowhere
    down_block_types: list[str] = field(default_factory=list)
    up_block_types: list[str] = field(default_factory=list)
    in_channels: int = 3
    out_channels: int = 3
    act_fn: str = "silu"
    norm_type: str = "group"
    mid_block_add_attention: bool = False
    lookup_from_codebook: bool = True

    def __post_init__(self) -> None:
        levels = len(self.block_out_channels)
        self.down_block_types = self.down_block_types or [DOWN_BLOCK] * levels
        self.up_block_types = self.up_block_types or [UP_BLOCK] * levels


def check(config: ImageTokenizerConfig, place: str = "The image tokenizer's configuration") -> None:
    """Raise UserError, in one sentence, for the first value that no VQGAN can be built from."""
    check_types(config, place)
    sizes = ("layers_per_block", "latent_channels", "num_vq_embeddings", "vq_embed_dim")
    check_positive(config, (*sizes, "norm_num_groups", "sample_size"), place)
    check_at_most(config, MOST, place)
    widths, groups = config.block_out_channels, config.norm_num_groups
    block_types = "'{}' once for each level of block_out_channels"
    requirements = [
        (not widths, "block_out_channels", "at least one width"),
        (
            any(width <= 0 or width % groups for width in widths),
            "block_out_channels",
            f"multiples of norm_num_groups = {groups}",
        ),
        (
            config.down_block_types != [DOWN_BLOCK] * len(widths),
            "down_block_types",
            block_types.format(DOWN_BLOCK),
        ),
        (
            config.up_block_types != [UP_BLOCK] * len(widths),
            "up_block_types",
            block_types.format(UP_BLOCK),
        ),
    ]
    for name, value in ONLY_VALUES.items():
        remedy = f"{value!r}, the only one this architecture knows"
        requirements.append((getattr(config, name) != value, name, remedy))
    for is_wrong, name, remedy in requirements:
        if is_wrong:
            value = getattr(config, name)
            raise UserError(f"{place} has {name} = {value!r}, which should be {remedy}.")


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
    """The configuration `presets/NAME.json`; raises UserError if there is none."""
    return from_published(read_preset(PRESETS, name, "image tokenizer preset"), f"Preset '{name}'")
