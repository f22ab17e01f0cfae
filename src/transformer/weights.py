"""The U-ViT's tensors under the published names (diffusers' UVit2DModel), and back."""

from collections.abc import Mapping

from torch import Tensor

from src.published.renaming import Renaming, Rule

ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "out": "to_out.0"}


def to_published(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename `UViT.state_dict()`; raises UserError for a name that is not this model's."""
    return RENAMING.to_published(state_dict)


def from_published(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename a published state dict to ours; raises UserError for a tensor a U-ViT lacks."""
    return RENAMING.from_published(state_dict)


def _attention(ours: str, published: str) -> list[Rule]:
    return [Rule(f"{ours}.{a}", f"{published}.{b}") for a, b in ATTENTION.items()]


def _stage(ours: str, published: str, resample: str) -> list[Rule]:
    conv, published_conv = f"{ours}.conv_blocks.{{}}", f"{published}.res_blocks.{{}}"
    text, published_text = f"{ours}.text_blocks.{{}}", f"{published}.attention_blocks.{{}}"
    return [
        Rule(f"{ours}.resample_norm", f"{published}.{resample}.norm"),
        Rule(f"{ours}.resample_conv", f"{published}.{resample}.conv"),
        Rule(f"{conv}.depthwise", f"{published_conv}.depthwise"),
        Rule(f"{conv}.norm", f"{published_conv}.norm"),
        Rule(f"{conv}.expand", f"{published_conv}.channelwise_linear_1"),
        Rule(f"{conv}.response_norm", f"{published_conv}.channelwise_norm"),
        Rule(f"{conv}.contract", f"{published_conv}.channelwise_linear_2"),
        Rule(f"{conv}.modulation.to_scale_and_shift", f"{published_conv}.cond_embeds_mapper"),
        Rule(f"{text}.to_context.1", f"{published_text}.kv_mapper"),
        Rule(f"{text}.norm_1", f"{published_text}.norm1"),
        *_attention(f"{text}.attention_1", f"{published_text}.attn1"),
        Rule(f"{text}.norm_2", f"{published_text}.norm2"),
        *_attention(f"{text}.attention_2", f"{published_text}.attn2"),
    ]


def _layer(ours: str, published: str) -> list[Rule]:
    rules = [
        *_attention(f"{ours}.self_attention", f"{published}.attn1"),
        *_attention(f"{ours}.text_attention", f"{published}.attn2"),
        Rule(f"{ours}.feed_forward.value_and_gate", f"{published}.ff.net.0.proj"),
        Rule(f"{ours}.feed_forward.out", f"{published}.ff.net.2"),
    ]
    for number, part in enumerate(("self", "text", "feed_forward"), start=1):
        rules += [
            Rule(f"{ours}.{part}_norm", f"{published}.norm{number}.norm"),
            Rule(
                f"{ours}.{part}_modulation.to_scale_and_shift", f"{published}.norm{number}.linear"
            ),
        ]
    return rules


RENAMING = Renaming(
    (
        Rule("text_in", "encoder_proj"),
        Rule("text_norm", "encoder_proj_layer_norm"),
        Rule("condition_in", "cond_embed.linear_1"),
        Rule("condition_out", "cond_embed.linear_2"),
        Rule("embedding", "embed.embeddings"),
        Rule("embedding_norm", "embed.layer_norm"),
        Rule("embedding_out", "embed.conv", is_pointwise=True),
        *_stage("down", "down_block", resample="downsample"),
        Rule("transformer_in_norm", "project_to_hidden_norm"),
        Rule("transformer_in", "project_to_hidden"),
        *_layer("layers.{}", "transformer_layers.{}"),
        Rule("transformer_out_norm", "project_from_hidden_norm"),
        Rule("transformer_out", "project_from_hidden"),
        *_stage("up", "up_block", resample="upsample"),
        Rule("logits_in", "mlm_layer.conv1", is_pointwise=True),
        Rule("logits_norm", "mlm_layer.layer_norm"),
        Rule("logits_out", "mlm_layer.conv2", is_pointwise=True),
    )
)
