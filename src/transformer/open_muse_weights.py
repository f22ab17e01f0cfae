"""The U-ViT's tensors under the names that open-muse gave them, and back.

The class `MaskGiTUViT_v2` of huggingface/open-muse computes the same as diffusers' `UVit2DModel`.
Besides the names, one thing differs: the two halves of a gated feed-forward are two tensors there.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from src.errors import UserError
from src.published.renaming import Renaming, Rule


def to_open_muse(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename `UViT.state_dict()`; raises UserError for a name that is not this model's."""
    split = {}
    for name, tensor in state_dict.items():
        if ".value_and_gate." in name:
            value, gate = tensor.chunk(2)  # (inner, dim) each
            split[name.replace("value_and_gate", "value")] = value
            split[name.replace("value_and_gate", "gate")] = gate
        else:
            split[name] = tensor
    return RENAMING.to_published(split)


def from_open_muse(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename an open-muse state dict to ours; raises UserError for a tensor a U-ViT lacks."""
    joined = {}
    split = RENAMING.from_published(state_dict)
    for name, tensor in split.items():
        if match := re.fullmatch(r"(.+\.feed_forward\.)(value|gate)(\.[a-z]+)", name):
            before, _, leaf = match.groups()
            halves = [split.get(f"{before}{half}{leaf}") for half in ("value", "gate")]
            if any(half is None for half in halves):
                raise UserError(f"The weights hold only one half of '{before}value_and_gate'.")
            joined[f"{before}value_and_gate{leaf}"] = torch.cat(halves)
        else:
            joined[name] = tensor
    return joined


def _attention(ours: str, theirs: str) -> list[Rule]:
    return [Rule(f"{ours}.{part}", f"{theirs}.{part}") for part in ("query", "key", "value", "out")]


def _stage(ours: str, theirs: str, resample: str) -> list[Rule]:
    conv, their_conv = f"{ours}.conv_blocks.{{}}", f"{theirs}.res_blocks.{{}}"
    text, their_text = f"{ours}.text_blocks.{{}}", f"{theirs}.attention_blocks.{{}}"
    return [
        Rule(f"{ours}.resample_norm", f"{theirs}.{resample}.0.norm"),
        Rule(f"{ours}.resample_conv", f"{theirs}.{resample}.1"),
        Rule(f"{conv}.depthwise", f"{their_conv}.depthwise"),
        Rule(f"{conv}.norm", f"{their_conv}.norm.norm"),
        Rule(f"{conv}.expand", f"{their_conv}.channelwise.0"),
        Rule(f"{conv}.response_norm", f"{their_conv}.channelwise.2"),
        Rule(f"{conv}.contract", f"{their_conv}.channelwise.4"),
        Rule(f"{conv}.modulation.to_scale_and_shift", f"{their_conv}.adaLN_modulation.mapper"),
        Rule(f"{text}.to_context.1", f"{their_text}.kv_mapper"),
        Rule(f"{text}.norm_1", f"{their_text}.attn_layer_norm"),
        *_attention(f"{text}.attention_1", f"{their_text}.attention"),
        Rule(f"{text}.norm_2", f"{their_text}.crossattn_layer_norm"),
        *_attention(f"{text}.attention_2", f"{their_text}.crossattention"),
    ]


def _layer(ours: str, theirs: str) -> list[Rule]:
    mapper = "adaLN_modulation.mapper"
    return [
        Rule(f"{ours}.self_norm", f"{theirs}.attn_layer_norm"),
        Rule(f"{ours}.self_modulation.to_scale_and_shift", f"{theirs}.self_attn_{mapper}"),
        *_attention(f"{ours}.self_attention", f"{theirs}.attention"),
        Rule(f"{ours}.text_norm", f"{theirs}.crossattn_layer_norm"),
        Rule(f"{ours}.text_modulation.to_scale_and_shift", f"{theirs}.cross_attn_{mapper}"),
        *_attention(f"{ours}.text_attention", f"{theirs}.crossattention"),
        Rule(f"{ours}.feed_forward_norm", f"{theirs}.ffn.pre_mlp_layer_norm"),
        Rule(f"{ours}.feed_forward_modulation.to_scale_and_shift", f"{theirs}.ffn.{mapper}"),
        Rule(f"{ours}.feed_forward.gate", f"{theirs}.ffn.wi_0"),  # goes through the GELU
        Rule(f"{ours}.feed_forward.value", f"{theirs}.ffn.wi_1"),
        Rule(f"{ours}.feed_forward.out", f"{theirs}.ffn.wo"),
    ]


RENAMING = Renaming(
    (
        Rule("text_in", "encoder_proj"),
        Rule("text_norm", "encoder_proj_layer_norm"),
        Rule("condition_in", "cond_embed.0"),
        Rule("condition_out", "cond_embed.2"),
        Rule("embedding", "embed.embeddings"),
        Rule("embedding_norm", "embed.layer_norm"),
        Rule("embedding_out", "embed.conv", is_pointwise=True),
        *_stage("down", "down_blocks.0", resample="downsample"),
        Rule("transformer_in_norm", "project_to_hidden_norm"),
        Rule("transformer_in", "project_to_hidden"),
        *_layer("layers.{}", "transformer_layers.{}"),
        Rule("transformer_out_norm", "project_from_hidden_norm"),
        Rule("transformer_out", "project_from_hidden"),
        *_stage("up", "up_blocks.0", resample="upsample"),
        Rule("logits_in", "mlm_layer.conv1", is_pointwise=True),
        Rule("logits_norm", "mlm_layer.layer_norm.norm"),
        Rule("logits_out", "mlm_layer.conv2", is_pointwise=True),
    )
)
