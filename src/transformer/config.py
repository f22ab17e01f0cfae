"""Settings of the U-ViT under their published names; the defaults are aMUSEd-256's."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
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
CLASS_NAME, LIBRARY_VERSION = "UVit2DModel", "0.25.0.dev0"
REQUIRED = (  # in every file; what came later or is alike in all models may be left out
    *("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"),
    *("in_channels", "block_out_channels", "num_res_blocks", "block_num_heads"),
    *("codebook_size", "vocab_size", "sample_size", "encoder_hidden_size", "cond_embed_dim"),
    *("micro_cond_encode_dim", "micro_cond_embed_dim"),
)
MOST = {"num_hidden_layers": 1000, "num_res_blocks": 1000}  # building more would take all memory
MAY_BE_ZERO = ("num_hidden_layers", "num_res_blocks")


@dataclass
class TransformerConfig:
    """The keys of the published `transformer/config.json` (report, section 3)."""

    # the plain transformer
    hidden_size: int = 1024  # width of its states
    num_hidden_layers: int = 22
    num_attention_heads: int = 16
    intermediate_size: int = 2816  # inner width of the feed-forward
    # the convolution stages around it
    in_channels: int = 768  # width of a token's embedding, and of the last map before the logits
    block_out_channels: int = 768
    num_res_blocks: int = 3  # convolution and text-attention pairs in each stage
    block_num_heads: int = 12
    downsample: bool = False  # halve the grid before the transformer: aMUSEd-512
    upsample: bool = False  # and double it afterwards; never one without the other
    # tokens
    codebook_size: int = 8192  # codes the model may predict
    vocab_size: int = 8256  # codes, unused padding and, as the last id, the mask token
    sample_size: int = 16  # side of the token grid it was trained on; larger ones work too
    # conditioning
    encoder_hidden_size: int = 768  # width of text_states
    cond_embed_dim: int = 768  # width of pooled_text
    micro_cond_encode_dim: int = 256  # width of one encoded micro-conditioning number
    micro_cond_embed_dim: int = 1280  # of all five side by side
    # everywhere
    use_bias: bool = False
    hidden_dropout: float = 0.0
    attention_dropout: float = 0.0  # in the convolution stages' attention only, as published
    layer_norm_eps: float = 1e-6
    ln_elementwise_affine: bool = True


def check(config: TransformerConfig, place: str = "The transformer's configuration") -> None:
    """Raise UserError, in one sentence, for the first value that no U-ViT can be built from."""
    check_types(config, place)
    numbers = [field.name for field in fields(config) if field.type is int]
    at_least_one = tuple(name for name in numbers if name not in MAY_BE_ZERO)
    check_positive(config, (*at_least_one, "layer_norm_eps"), place)
    check_at_most(config, MOST, place)
    for is_wrong, name, remedy in _requirements(config):
        if is_wrong:
            value = getattr(config, name)
            raise UserError(f"{place} has {name} = {value}, which should be {remedy}.")


def _requirements(config: TransformerConfig) -> list[tuple[bool, str, str]]:
    """Each requirement: whether it is broken, by which setting, and what would be right."""
    encode_dim, heads, block_heads = (
        config.micro_cond_encode_dim,
        config.num_attention_heads,
        config.block_num_heads,
    )
    return [
        (
            config.hidden_size % heads != 0,
            "hidden_size",
            f"a multiple of num_attention_heads = {heads}",
        ),
        (
            config.block_out_channels % block_heads != 0,
            "block_out_channels",
            f"a multiple of block_num_heads = {block_heads}",
        ),
        (config.num_hidden_layers < 0, "num_hidden_layers", "0 or more"),
        (config.num_res_blocks < 0, "num_res_blocks", "0 or more"),
        (
            config.vocab_size <= config.codebook_size,
            "vocab_size",
            f"above codebook_size = {config.codebook_size}, for its last id is the mask token",
        ),
        (encode_dim % 2 != 0, "micro_cond_encode_dim", "even: half are cosines, half are sines"),
        (
            config.micro_cond_embed_dim != 5 * encode_dim,
            "micro_cond_embed_dim",
            f"{5 * encode_dim}: five numbers of micro_cond_encode_dim = {encode_dim} each",
        ),
        (
            config.upsample != config.downsample,
            "upsample",
            f"{config.downsample} like downsample, so that logits and tokens share one grid",
        ),
        (not 0 <= config.hidden_dropout < 1, "hidden_dropout", "from 0 to below 1"),
        (not 0 <= config.attention_dropout < 1, "attention_dropout", "from 0 to below 1"),
    ]


def from_published(
    published: Mapping[str, Any], place: str = "The transformer's configuration"
) -> TransformerConfig:
    """Read and check the published JSON object; `place` names it in errors (UserError)."""
    config = read_settings(TransformerConfig, published, place)
    check(config, place)
    return config


def to_published(config: TransformerConfig) -> dict[str, Any]:
    """The JSON object that diffusers' UVit2DModel opens."""
    return write_settings(config, CLASS_NAME, LIBRARY_VERSION)


def preset(name: str) -> TransformerConfig:
    """The configuration `presets/NAME.json`; raises UserError if there is none."""
    return from_published(read_preset(PRESETS, name, "transformer preset"), f"Preset '{name}'")
