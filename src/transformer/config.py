"""Settings of the U-ViT under their published names; the defaults are aMUSEd-256's."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.errors import UserError, nearest
from src.published.settings import check_positive, check_types, read_settings, write_settings

PRESETS = Path(__file__).parent / "presets"
CLASS_NAME, LIBRARY_VERSION = "UVit2DModel", "0.25.0.dev0"


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
    sizes = [name for name, kind in TransformerConfig.__annotations__.items() if kind is int]
    check_positive(config, [name for name in sizes if name != "num_hidden_layers"], place)
    for width, heads in (
        ("hidden_size", "num_attention_heads"),
        ("block_out_channels", "block_num_heads"),
    ):
        if getattr(config, width) % getattr(config, heads):
            raise UserError(
                f"{place} has {width} = {getattr(config, width)}, which should be a multiple of "
                f"{heads} = {getattr(config, heads)}."
            )
    if config.num_hidden_layers < 0:
        raise UserError(
            f"{place} has num_hidden_layers = {config.num_hidden_layers}, which should be 0 or more."
        )
    if config.vocab_size <= config.codebook_size:
        raise UserError(
            f"{place} has vocab_size = {config.vocab_size}, which should be above codebook_size = "
            f"{config.codebook_size}: its last id is the mask token."
        )
    if config.micro_cond_encode_dim % 2:
        raise UserError(
            f"{place} has micro_cond_encode_dim = {config.micro_cond_encode_dim}, which should be "
            "even: half of it are cosines, half sines."
        )
    if config.micro_cond_embed_dim != 5 * config.micro_cond_encode_dim:
        raise UserError(
            f"{place} has micro_cond_embed_dim = {config.micro_cond_embed_dim}, which should be "
            f"{5 * config.micro_cond_encode_dim}: five numbers of micro_cond_encode_dim = "
            f"{config.micro_cond_encode_dim} each."
        )
    if config.downsample != config.upsample:
        raise UserError(
            f"{place} has downsample = {config.downsample} and upsample = {config.upsample}, which "
            "should be equal: the logits must come out on the grid the tokens came in on."
        )
    for name in ("hidden_dropout", "attention_dropout"):
        if not 0 <= getattr(config, name) < 1:
            raise UserError(
                f"{place} has {name} = {getattr(config, name)}, which should be from 0 to below 1."
            )
    if config.layer_norm_eps <= 0:
        raise UserError(
            f"{place} has layer_norm_eps = {config.layer_norm_eps}, which should be above 0."
        )


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
    """The configuration `presets/NAME.json`; raises UserError, with the known names, if there is none."""
    known = [path.stem for path in PRESETS.glob("*.json")]
    if name not in known:
        raise UserError(f"There is no transformer preset '{name}': {nearest(name, known)}")
    return from_published(json.loads((PRESETS / f"{name}.json").read_text()), f"preset {name}")
