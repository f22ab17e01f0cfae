"""The parts of the VQGAN's encoder and decoder: residual blocks and changes of resolution.

Dimensions: batch, channels, height, width, in pixels of the level a block works at.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, silu

EPS = 1e-6


class ResidualBlock(nn.Module):
    """Twice norm, SiLU and 3x3 convolution, added to the input."""

    def __init__(self, channels_in: int, channels_out: int, groups: int):
        super().__init__()
        self.norm_1 = nn.GroupNorm(groups, channels_in, EPS)
        self.conv_1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.norm_2 = nn.GroupNorm(groups, channels_out, EPS)
        self.conv_2 = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        self.shortcut = (
            nn.Identity()
            if channels_in == channels_out
            else nn.Conv2d(channels_in, channels_out, kernel_size=1)
        )

    def forward(
        self, x: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels_out height width"]:
        change = self.conv_1(silu(self.norm_1(x)))
        change = self.conv_2(silu(self.norm_2(change)))
        return self.shortcut(x) + change


class Halve(nn.Module):
    """Halve both sides with a strided convolution that looks one pixel beyond, right and below."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(
        self, x: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels half_height half_width"]:
        return self.conv(pad(x, (0, 1, 0, 1)))


class Double(nn.Module):
    """Double both sides by repeating pixels, then smooth with a convolution."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(
        self, x: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels double_height double_width"]:
        return self.conv(interpolate(x, scale_factor=2.0, mode="nearest"))


class Level(nn.Module):
    """Residual blocks at one resolution, then a step to the next one (the last level has none)."""

    def __init__(
        self, channels_in: int, channels_out: int, num_blocks: int, groups: int, step: nn.Module
    ):
        super().__init__()
        self.blocks = nn.Sequential(
            *(
                ResidualBlock(channels_in if index == 0 else channels_out, channels_out, groups)
                for index in range(num_blocks)
            )
        )
        self.step = step

    def forward(
        self, x: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels_out new_height new_width"]:
        return self.step(self.blocks(x))
