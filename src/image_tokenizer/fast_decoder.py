"""The decoder's pictures sooner and in less memory: its layers strip by strip, channels last.

A map is read in strips of rows with one row more above and below; a strip is normalised as it is
read, by the statistics of the whole map, convolved and written while it lies in the processor's
cache. Hence no seam, and beside the two maps of a block only strips are in memory.

Dimensions: batch, height and width in pixels of a map, channels.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from src.image_tokenizer.blocks import Double, Level, ResidualBlock
from src.image_tokenizer.kept_layers import is_winograd, kept_layer
from src.image_tokenizer.scratch import Scratch
from src.image_tokenizer.winograd import TILE
from src.watching import is_hooked

STRIP_PIXELS = {"cpu": 2**12, "cuda": 2**18}  # written at once: what fits a cache, fills a GPU
DTYPES = (torch.float32, torch.bfloat16)  # of a decoder; float16 is too narrow for its maps
FEWEST_CHANNELS = 64  # of the finest level
PARTS = (ResidualBlock, Double, Level, nn.Sequential, nn.Identity, nn.Conv2d, nn.GroupNorm)


@dataclass
class FeatureMap:
    """A layer's output, and what its normalisation needs to know of all its pixels."""

    pixels: Float[Tensor, "batch height width channels"]
    sums: Float[Tensor, "2 batch channels"] | None = None  # of the numbers and their squares

    def note(self, rows: Float[Tensor, "batch rows width channels"]) -> None:
        """Count rows that have just been written."""
        flat = rows.flatten(1, 2)
        sums = torch.stack([flat.sum(1), flat.square().sum(1)]).double()
        self.sums = sums if self.sums is None else self.sums + sums

    def affine(
        self, norm: nn.GroupNorm
    ) -> tuple[Float[Tensor, "batch 1 1 channels"], Float[Tensor, "batch 1 1 channels"]]:
        """Scale and shift of every channel that are the group norm of this map."""
        batch, height, width, channels = self.pixels.shape
        size = height * width * channels // norm.num_groups
        grouped = self.sums.view(2, batch, norm.num_groups, -1).sum(-1) / size
        mean, variance = grouped[0], (grouped[1] - grouped[0].square()).clamp(min=0)
        rate = (variance + norm.eps).rsqrt()
        times = channels // norm.num_groups
        mean, rate = (each.repeat_interleave(times, 1)[:, None, None] for each in (mean, rate))
        scale = rate * norm.weight
        return scale.float(), (norm.bias - mean * scale).float()


class FastDecoder:
    """What `Decoder` computes, of its parameters as they are now; made for one decoding.

    precision: one of PRECISIONS, in which strips are convolved. In bfloat16 the coarsest level,
        the first and the last layer stay in float32, as all maps and statistics do.
    strip_pixels: about how many pixels are written at once; no picture depends on it.
    """

    def __init__(
        self,
        decoder: nn.Module,
        precision: str = "float32",
        strip_pixels: int | None = None,
    ):
        weight = decoder.stem.weight
        self.decoder, self.precision = decoder, precision
        # the rest is a tenth of the work, and its rounding would be half of all that is seen
        self.rounded = set(decoder.levels[1:].modules()) if precision == "bfloat16" else set()
        self.strip_pixels = strip_pixels or STRIP_PIXELS[weight.device.type]
        self.scratch = Scratch(weight.device)

    @staticmethod
    def serves(decoder: nn.Module, precision: str = "float32") -> bool:
        """Whether this decoder, here and now, is computed so: in evaluation, and as it was built.

        Not where gradients are wanted, not where someone looks inside with hooks, and not in
        float32 for a decoder so narrow that it is as quick by itself.
        """
        if torch.is_grad_enabled() or decoder.training or torch.compiler.is_compiling():
            return False
        weight = decoder.stem.weight
        is_known = weight.device.type in STRIP_PIXELS and weight.dtype in DTYPES
        is_wanted = precision != "float32" or decoder.head.in_channels >= FEWEST_CHANNELS
        return is_wanted and is_known and not weight.is_inference() and _is_untouched(decoder)

    def __call__(
        self, latents: Float[Tensor, "batch latent rows columns"]
    ) -> Float[Tensor, "batch 3 height width"]:
        """Pixels of latents; see `Decoder.forward`."""
        is_on_gpu = latents.device.type == "cuda"
        with _products_in(self.precision) if is_on_gpu else nullcontext():
            return self._pixels(latents.float()).to(latents.dtype)

    def _pixels(
        self, latents: Float[Tensor, "batch latent rows columns"]
    ) -> Float[Tensor, "batch 3 height width"]:
        decoder, (batch, _, rows, columns) = self.decoder, latents.shape
        for name, size in zip(("map", "change"), _sizes(decoder, rows * columns), strict=True):
            self.scratch.take(name, (batch * size,))  # all at once, or the heap is left with holes
        given = FeatureMap(latents.permute(0, 2, 3, 1).contiguous())
        x = self._convolved(given, None, decoder.stem, self._map(given, decoder.stem))
        for block in decoder.middle:
            x = self._block(x, block)
        for level in decoder.levels:
            for block in level.blocks:
                x = self._block(x, block)
            if isinstance(level.step, Double):
                x = self._doubled(x, level.step.conv)
        shape = batch, *x.pixels.shape[1:3], decoder.head.out_channels
        pixels = FeatureMap(x.pixels.new_empty(shape))
        self._convolved(x, decoder.norm, decoder.head, pixels)
        return pixels.pixels.permute(0, 3, 1, 2).contiguous()

    def _map(self, x: FeatureMap, conv: nn.Conv2d, name: str = "map", times: int = 1) -> FeatureMap:
        """Memory for what a convolution makes of a map, each side `times` as long."""
        batch, height, width, _ = x.pixels.shape
        shape = batch, height * times, width * times, conv.out_channels
        return FeatureMap(self.scratch.take(name, shape))

    def _doubled(self, x: FeatureMap, conv: nn.Conv2d) -> FeatureMap:
        aside = self.scratch.take("change", tuple(x.pixels.shape)).copy_(x.pixels)
        into = self._map(x, conv, times=2)
        return self._convolved(FeatureMap(aside), None, conv, into, doubles=True)

    def _block(self, x: FeatureMap, block: ResidualBlock) -> FeatureMap:
        change = self._map(x, block.conv_1, "change")
        self._convolved(x, block.norm_1, block.conv_1, change)
        out = FeatureMap(self._shortcut(x, block.shortcut))
        return self._convolved(change, block.norm_2, block.conv_2, out, adds=True)

    def _shortcut(
        self, x: FeatureMap, shortcut: nn.Module
    ) -> Float[Tensor, "batch height width channels_out"]:
        """What a block adds to, in the memory of the block's input."""
        pixels = x.pixels
        if isinstance(shortcut, nn.Identity):
            return pixels
        weight, bias = shortcut.weight[:, :, 0, 0].float(), shortcut.bias.float()
        if shortcut.out_channels > pixels.shape[-1]:
            wider = linear(pixels, weight, bias)
            return self._map(x, shortcut).pixels.copy_(wider)
        out = self._map(x, shortcut).pixels
        for index, (start, stop) in product(range(len(out)), self._strips(*out.shape[1:3], 1)):
            rows = slice(start, stop)  # narrower, so never ahead of what is read
            out[index, rows] = linear(pixels[index, rows], weight, bias)
        return out

    def _convolved(
        self,
        x: FeatureMap,
        norm: nn.GroupNorm | None,
        conv: nn.Conv2d,
        into: FeatureMap,
        doubles: bool = False,
        adds: bool = False,
    ) -> FeatureMap:
        """Write, or add, the convolution of a map, after norm and SiLU if there is a norm."""
        batch, height, width, channels = x.pixels.shape
        times = 2 if doubles else 1
        dtype = torch.bfloat16 if conv in self.rounded else torch.float32
        layer = kept_layer(conv, doubles, dtype, (batch, height, width, channels))
        affine = None if norm is None else x.affine(norm)
        tile = TILE // times if is_winograd(layer) else 1
        for start, stop in self._strips(height, width * times**2, tile):
            padded = self._padded(x.pixels, start, stop, affine, dtype)
            target = into.pixels[:, start * times : stop * times]
            layer(padded, target, adds, self.scratch)
            into.note(target)
        return into

    def _strips(self, height: int, row_pixels: int, tile: int) -> list[tuple[int, int]]:
        """First row and row after the last of every strip: multiples of `tile` rows."""
        rows = max(self.strip_pixels // row_pixels // tile, 1) * tile
        return [(start, min(start + rows, height)) for start in range(0, height, rows)]

    def _padded(
        self,
        pixels: Float[Tensor, "batch height width channels"],
        start: int,
        stop: int,
        affine: tuple[Tensor, Tensor] | None,
        dtype: torch.dtype,
    ) -> Float[Tensor, "batch rows padded_width channels"]:
        """Rows of a map and one more on every side, which is zero beyond the map's edge."""
        batch, height, width, channels = pixels.shape
        above, below = max(start - 1, 0), min(stop + 1, height)
        shape = batch, stop - start + 2, width + 2, channels
        padded = self.scratch.take("padded", shape, dtype).zero_()
        first = above - start + 1
        inner = padded[:, first : first + below - above, 1:-1]
        if affine is None:
            inner.copy_(pixels[:, above:below])
        else:
            scale, shift = affine
            torch.addcmul(shift, pixels[:, above:below], scale, out=inner)
            silu(inner, inplace=True)
        return padded


def _sizes(decoder: nn.Module, num_pixels: int) -> tuple[int, int]:
    """How many numbers a picture's largest map has, and the largest inside a block."""
    largest = inside = num_pixels * decoder.stem.out_channels
    for level in decoder.levels:
        wide = num_pixels * max(block.conv_1.out_channels for block in level.blocks)
        largest, inside = max(largest, wide), max(inside, wide)
        if isinstance(level.step, Double):
            num_pixels *= 4
            largest = max(largest, num_pixels * level.step.conv.out_channels)
    return largest, inside


def _is_untouched(decoder: nn.Module) -> bool:
    """Whether its parts are those it was built from, without hooks, and nothing stands for it."""
    if "forward" in vars(decoder):
        return False
    is_built = all(type(each) in PARTS for each in list(decoder.modules())[1:])
    return is_built and not is_hooked(decoder)


@contextmanager
def _products_in(precision: str) -> Iterator[None]:
    """TF32 in a GPU's float32 convolutions where it is asked for, and not elsewhere."""
    before = torch.backends.cudnn.conv.fp32_precision
    torch.backends.cudnn.conv.fp32_precision = "tf32" if precision == "tf32" else "ieee"
    try:
        yield
    finally:
        torch.backends.cudnn.conv.fp32_precision = before
