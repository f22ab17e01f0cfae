"""The VQGAN's tensors under the published names (diffusers' VQModel), and back."""

from collections.abc import Mapping

from torch import Tensor

from src.published.renaming import Renaming, Rule


def to_published(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename `VQGAN.state_dict()`; raises UserError for a name that is not this model's."""
    return RENAMING.to_published(state_dict)


def from_published(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename a published state dict to ours; raises UserError for a tensor a VQGAN lacks."""
    return RENAMING.from_published(state_dict)


def _residual_block(ours: str, published: str) -> list[Rule]:
    return [
        Rule(f"{ours}.norm_1", f"{published}.norm1"),
        Rule(f"{ours}.conv_1", f"{published}.conv1"),
        Rule(f"{ours}.norm_2", f"{published}.norm2"),
        Rule(f"{ours}.conv_2", f"{published}.conv2"),
        Rule(f"{ours}.shortcut", f"{published}.conv_shortcut"),
    ]


def _half(name: str, blocks: str, steps: str) -> list[Rule]:
    """The encoder or the decoder, whose names differ only in two words."""
    return [
        Rule(f"{name}.stem", f"{name}.conv_in"),
        *_residual_block(f"{name}.levels.{{}}.blocks.{{}}", f"{name}.{blocks}.{{}}.resnets.{{}}"),
        Rule(f"{name}.levels.{{}}.step.conv", f"{name}.{blocks}.{{}}.{steps}.0.conv"),
        *_residual_block(f"{name}.middle.{{}}", f"{name}.mid_block.resnets.{{}}"),
        Rule(f"{name}.norm", f"{name}.conv_norm_out"),
        Rule(f"{name}.head", f"{name}.conv_out"),
    ]


RENAMING = Renaming(
    (
        *_half("encoder", "down_blocks", "downsamplers"),
        Rule("to_codes", "quant_conv"),
        Rule("quantizer.codebook", "quantize.embedding.weight", is_parameter=True),
        Rule("from_codes", "post_quant_conv"),
        *_half("decoder", "up_blocks", "upsamplers"),
    )
)
