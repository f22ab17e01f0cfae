"""Convolutions prepared once for quick use, and again when their weights have changed."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate

from src.image_tokenizer.scratch import Scratch
from src.image_tokenizer.winograd import FORMS, TILE, Winograd
from src.onednn import convolve, is_here, pack
from src.prepared import prepared

FEWEST_PIXELS = 1024  # of a map: below, Winograd reads more weights than it saves multiplications
MOST_NUMBERS = 2**24  # of a layer's weights as Winograd takes them, four times the convolution's
FEWEST_CHANNELS = 16  # going out: below, its transforms cost more than the convolution

Layer = Callable[[Tensor, Tensor, bool, Scratch], None]


class Direct:
    """A convolution by the library's own means, in `dtype`, its weights as it likes them best."""

    def __init__(self, conv: nn.Conv2d, doubles: bool, dtype: torch.dtype, size: tuple[int, ...]):
        self.doubles = doubles
        self.bias = conv.bias.detach().to(dtype)
        weight = conv.weight.detach().to(dtype).contiguous(memory_format=torch.channels_last)
        self.is_packed = is_here(weight.device, dtype)
        self.weight = pack(weight, 1, size) if self.is_packed else weight

    def __call__(
        self,
        padded: Float[Tensor, "batch height width in"],
        target: Float[Tensor, "batch new_height new_width out"],
        adds: bool,
        scratch: Scratch,
    ) -> None:
        """Write the convolution into `target`, or add it; see `Winograd`."""
        x = padded.permute(0, 3, 1, 2)  # channels last, as it lies there
        if self.doubles:
            x = interpolate(x, scale_factor=2.0, mode="nearest")[:, :, 1:-1, 1:-1]
        if self.is_packed:
            y = convolve(x, self.weight, self.bias, 1)
        else:
            y = conv2d(x, self.weight, self.bias)
        written = y.permute(0, 2, 3, 1)
        target.add_(written) if adds else target.copy_(written)


def kept_layer(
    conv: nn.Conv2d, doubles: bool, dtype: torch.dtype, shape: tuple[int, int, int, int]
) -> Layer:
    """The quickest layer for a map of this shape: batch, height, width and channels, undoubled."""
    batch, height, width, channels = shape
    by_winograd = _suits_winograd(conv, doubles, dtype, height, width)

    def make() -> Layer:
        if by_winograd:
            return Winograd(conv.weight.detach(), conv.bias.detach(), doubles, (height, width))
        times = 2 if doubles else 1
        size = batch, channels, height * times + 2, width * times + 2
        return Direct(conv, doubles, dtype, size)

    return prepared(conv, (by_winograd, dtype), [conv.weight, conv.bias], make)


def is_winograd(layer: Layer) -> bool:
    return isinstance(layer, Winograd)


def _suits_winograd(
    conv: nn.Conv2d, doubles: bool, dtype: torch.dtype, height: int, width: int
) -> bool:
    times = 2 if doubles else 1
    fills_tiles = height * times % TILE == 0 and width * times % TILE == 0
    numbers = conv.in_channels * conv.out_channels * len(FORMS[doubles].read)
    is_large = height * width * times**2 >= FEWEST_PIXELS
    is_worth_it = is_large and conv.out_channels >= FEWEST_CHANNELS and numbers <= MOST_NUMBERS
    is_here = conv.weight.device.type == "cpu" and dtype == torch.float32
    return fills_tiles and is_worth_it and is_here
