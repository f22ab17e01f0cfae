"""The parts of aMUSEd's U-ViT: attention, feed-forward, convolution, and what steers them.

Dimensions: batch, height and width of the token grid, seq = height * width, channels (of the
convolution stages), dim (of the transformer), words (of the prompt), text (width of its states).
Everything is laid out channels-last, so that a linear map, a norm and a flattening to a
sequence all read the memory as it lies. What a block is told besides the tokens, the text and the
condition, comes as a tensor, or as `Kept` where no step changes it.
"""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from src.transformer.config import TransformerConfig
from src.transformer.kept import Kept, bare, through
from src.transformer.linear import Linear

MAX_PERIOD = 10_000  # longest wavelength / 2 pi of the sinusoidal code
GRN_EPS = 1e-6
TINY = torch.finfo(torch.float32).tiny


def sinusoidal(values: Float[Tensor, "batch numbers"], dim: int) -> Float[Tensor, "batch flat"]:
    """Encode each number as `dim` waves, cosines first; the numbers' codes lie side by side.

    The frequencies fall from 1 to nearly 1 / MAX_PERIOD in a geometric series. Always float32:
    half precision would not tell the pixel counts 1023 and 1024 apart.
    """
    half = dim // 2
    exponents = torch.arange(half, dtype=torch.float32, device=values.device) / half
    angles = values.float()[:, :, None] * torch.exp(-math.log(MAX_PERIOD) * exponents)
    return torch.cat([angles.cos(), angles.sin()], dim=-1).flatten(1)  # (batch, numbers * dim)


class Modulation(nn.Module):
    """Scale and shift every channel as the condition says; at initialisation it does nothing.

    The condition comes in already activated (SiLU), because it is the same for every modulation.
    """

    def __init__(self, dim_condition: int, dim: int, bias: bool):
        super().__init__()
        self.to_scale_and_shift = Linear(dim_condition, 2 * dim, bias=bias)

    def forward(
        self,
        states: Float[Tensor, "batch *grid dim"],
        condition: Float[Tensor, "batch condition"] | Kept,
    ) -> Float[Tensor, "batch *grid dim"]:
        both = bare(through(self.to_scale_and_shift, condition))
        scale, shift = both.chunk(2, dim=-1)  # (batch, dim) each
        shape = (-1,) + (1,) * (states.dim() - 2) + (states.shape[-1],)
        return torch.addcmul(shift.view(shape), states, 1 + scale.view(shape))


class Attention(nn.Module):
    """Multi-head attention of a sequence to a context, which may be the sequence itself."""

    def __init__(self, dim: int, dim_context: int, heads: int, bias: bool, dropout: float):
        super().__init__()
        self.heads = heads
        self.query = Linear(dim, dim, bias=bias)
        self.key = Linear(dim_context, dim, bias=bias)
        self.value = Linear(dim_context, dim, bias=bias)
        self.out = Linear(dim, dim, bias=bias)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        states: Float[Tensor, "batch seq dim"],
        context: Float[Tensor, "batch keys context"] | Kept,
    ) -> Float[Tensor, "batch seq dim"]:
        read = (bare(through(projection, context)) for projection in (self.key, self.value))
        query, key, value = (  # (batch, heads, seq or keys, dim / heads) each
            projected.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projected in (self.query(states), *read)
        )
        mixed = scaled_dot_product_attention(query, key, value)
        return self.dropout(self.out(mixed.transpose(1, 2).flatten(2)))


class GatedFeedForward(nn.Module):
    """Two parallel linear maps, one gating the other through a GELU, and one map back."""

    def __init__(self, dim: int, dim_inner: int, bias: bool, dropout: float):
        super().__init__()
        self.value_and_gate = Linear(dim, 2 * dim_inner, bias=bias)
        self.dropout = nn.Dropout(dropout)
        self.out = Linear(dim_inner, dim, bias=bias)

    def forward(self, states: Float[Tensor, "batch seq dim"]) -> Float[Tensor, "batch seq dim"]:
        value, gate = self.value_and_gate(states).chunk(2, dim=-1)  # (batch, seq, inner) each
        return self.out(self.dropout(value * gelu(gate)))


class TransformerLayer(nn.Module):
    """Attend to the picture, attend to the text, feed forward; each is modulated by the condition.

    The norm before the feed-forward is a LayerNorm where the two others are RMSNorms, and all
    three keep weights of their own in front of the modulation: so it was published.
    """

    def __init__(self, config: TransformerConfig):
        super().__init__()
        dim, heads, bias = config.hidden_size, config.num_attention_heads, config.use_bias
        eps, affine = config.layer_norm_eps, config.ln_elementwise_affine
        dropout = config.hidden_dropout
        self.self_norm = nn.RMSNorm(dim, eps, affine)
        self.self_modulation = Modulation(dim, dim, bias)
        self.self_attention = Attention(dim, dim, heads, bias, dropout)
        self.text_norm = nn.RMSNorm(dim, eps, affine)
        self.text_modulation = Modulation(dim, dim, bias)
        self.text_attention = Attention(dim, dim, heads, bias, dropout)
        self.feed_forward_norm = nn.LayerNorm(dim, eps, affine, bias)
        self.feed_forward_modulation = Modulation(dim, dim, bias)
        self.feed_forward = GatedFeedForward(dim, config.intermediate_size, bias, dropout)

    def forward(
        self,
        states: Float[Tensor, "batch seq dim"],
        text: Float[Tensor, "batch words dim"] | Kept,
        condition: Float[Tensor, "batch dim"] | Kept,
    ) -> Float[Tensor, "batch seq dim"]:
        normed = self.self_modulation(self.self_norm(states), condition)
        states = states + self.self_attention(normed, normed)
        normed = self.text_modulation(self.text_norm(states), condition)
        states = states + self.text_attention(normed, text)
        normed = self.feed_forward_modulation(self.feed_forward_norm(states), condition)
        return states + self.feed_forward(normed)


class ResponseNorm(nn.Module):
    """Global response normalisation: let channels compete by their energy over the whole grid.

    ConvNeXt V2 (Woo et al., 2023), equations 1-3 with the residual of its listing; gamma and beta
    begin at zero, which makes it the identity.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, 1, channels))
        self.beta = nn.Parameter(torch.zeros(1, 1, 1, channels))

    def forward(
        self, tokens: Float[Tensor, "batch height width channels"]
    ) -> Float[Tensor, "batch height width channels"]:
        # In float32, for float16 has no room for squares. Fifteen times faster on a processor than
        # torch.linalg.vector_norm, whose sum over two dimensions is not vectorised there.
        squares = tokens.float().square().sum(dim=(1, 2), keepdim=True)
        energy = squares.clamp(min=TINY).sqrt()  # a channel of zeros has no slope, and not NaN
        response = energy / (energy.mean(dim=-1, keepdim=True) + GRN_EPS)  # (batch, 1, 1, channels)
        gain = (1 + self.gamma * response).to(tokens.dtype)
        return torch.addcmul(self.beta, tokens, gain)


class ConvBlock(nn.Module):
    """A ConvNeXt V2 block whose result is modulated by the condition after the residual sum.

    Its 3x3 window is the only place where the U-ViT learns what lies next to what: there is no
    position embedding anywhere.
    """

    def __init__(self, config: TransformerConfig):
        super().__init__()
        channels, bias = config.block_out_channels, config.use_bias
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=bias)
        self.norm = nn.RMSNorm(channels, config.layer_norm_eps, config.ln_elementwise_affine)
        self.expand = Linear(channels, 4 * channels, bias=bias)
        self.response_norm = ResponseNorm(4 * channels)
        self.contract = Linear(4 * channels, channels, bias=bias)
        self.dropout = nn.Dropout(config.hidden_dropout)
        self.modulation = Modulation(config.hidden_size, channels, bias)

    def forward(
        self,
        tokens: Float[Tensor, "batch height width channels"],
        condition: Float[Tensor, "batch condition"] | Kept,
    ) -> Float[Tensor, "batch height width channels"]:
        near = on_channels_last(self.depthwise, tokens)
        wide = self.response_norm(gelu(self.expand(self.norm(near))))
        tokens = tokens + self.dropout(self.contract(wide))
        return self.modulation(tokens, condition)


class TextBlock(nn.Module):
    """Let every token of a convolution stage attend to the text, twice in a row.

    The published names call the first attention self-attention; it too sees nothing but the text.
    Its norms keep their weights and an epsilon of 1e-6 whatever the configuration says.
    """

    def __init__(self, config: TransformerConfig):
        super().__init__()
        channels, dim_text, bias = config.block_out_channels, config.hidden_size, config.use_bias
        heads, dropout = config.block_num_heads, config.attention_dropout
        is_same_width = channels == dim_text  # then the text is read as it is, without a SiLU too
        self.to_context = (
            nn.Identity()
            if is_same_width
            else nn.Sequential(nn.SiLU(), Linear(dim_text, channels, bias=bias))
        )
        self.norm_1 = nn.RMSNorm(channels, 1e-6)
        self.attention_1 = Attention(channels, channels, heads, bias, dropout)
        self.norm_2 = nn.RMSNorm(channels, 1e-6)
        self.attention_2 = Attention(channels, channels, heads, bias, dropout)

    def forward(
        self,
        tokens: Float[Tensor, "batch height width channels"],
        text: Float[Tensor, "batch words text"] | Kept,
    ) -> Float[Tensor, "batch height width channels"]:
        context = through(self.to_context, text)  # (batch, words, channels)
        states = tokens.flatten(1, 2)  # (batch, seq, channels)
        states = states + self.attention_1(self.norm_1(states), context)
        states = states + self.attention_2(self.norm_2(states), context)
        return states.view_as(tokens)


class Stage(nn.Module):
    """Pairs of convolution and text attention before or after the transformer, on the token grid.

    resample: halve the grid's sides at the stage's beginning, double them at its end, or neither.
    """

    def __init__(self, config: TransformerConfig, resample: Literal["halve", "double"] | None):
        super().__init__()
        channels, bias = config.block_out_channels, config.use_bias
        self.resample = resample
        if resample is not None:
            kind = nn.Conv2d if resample == "halve" else nn.ConvTranspose2d
            self.resample_norm = nn.RMSNorm(
                channels, config.layer_norm_eps, config.ln_elementwise_affine
            )
            self.resample_conv = kind(channels, channels, kernel_size=2, stride=2, bias=bias)
        self.conv_blocks = nn.ModuleList(ConvBlock(config) for _ in range(config.num_res_blocks))
        self.text_blocks = nn.ModuleList(TextBlock(config) for _ in range(config.num_res_blocks))

    def forward(
        self,
        tokens: Float[Tensor, "batch height width channels"],
        text: Float[Tensor, "batch words dim"] | Kept,
        condition: Float[Tensor, "batch dim"] | Kept,
    ) -> Float[Tensor, "batch rows columns channels"]:
        if self.resample == "halve":
            tokens = on_channels_last(self.resample_conv, self.resample_norm(tokens))
        for conv_block, text_block in zip(self.conv_blocks, self.text_blocks, strict=True):
            tokens = text_block(conv_block(tokens, condition), text)
        if self.resample == "double":
            tokens = on_channels_last(self.resample_conv, self.resample_norm(tokens))
        return tokens


def on_channels_last(
    convolution: nn.Module, tokens: Float[Tensor, "batch height width channels"]
) -> Float[Tensor, "batch rows columns channels"]:
    """Apply a convolution to channels-last tokens; to torch this is a view in another order."""
    return convolution(tokens.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
