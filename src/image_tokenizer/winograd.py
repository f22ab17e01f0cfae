"""3x3 convolutions with a quarter of the multiplications, and of doubled maps with a sixth.

Winograd's F(4x4, 3x3) with the points 0, 1, -1, 2, -2 and infinity (Lavin and Gray, 2015): a window
of 6 x 6 pixels becomes 36 numbers a channel, each is mapped by a matrix of its own, and what comes
out becomes 4 x 4 pixels. Exact but for rounding, which is some 1e-5 of the largest number.

A map doubled by repeating pixels needs no doubling: 4 x 4 of its small pixels fill the window, and
at the point -1 repeated pixels cancel, so that 25 numbers are left of the 36.

Dimensions: batch, height and width in pixels, tiles (windows of all pictures), seen (numbers of a
window's pixels), numbers (of a window after its transform).
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from src.image_tokenizer.scratch import Scratch
from src.onednn import convolve, is_here, pack

TILE = 4  # pixels written along a side
FROM_PIXELS = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
FROM_WEIGHTS = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
TO_PIXELS = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))
REPEATED = (0, 1, 1, 2, 2, 3)  # which of four small pixels each of a window's six is
AT_ONE = 1  # the point 1: what is added there is added to every pixel


class Form(NamedTuple):
    """How windows are read, weights prepared and tiles written."""

    window: int  # pixels read along a side
    step: int  # from one window to the next
    read: Float[Tensor, "numbers seen"]
    weigh: Float[Tensor, "numbers 9"]
    write: Float[Tensor, "16 numbers"]
    bias_at: int  # the number to which a bias is added


def _form(doubles: bool) -> Form:
    read, weigh, write = (
        torch.tensor(rows, dtype=torch.float64) for rows in (FROM_PIXELS, FROM_WEIGHTS, TO_PIXELS)
    )
    if doubles:
        read = read @ torch.eye(4, dtype=torch.float64)[list(REPEATED)]
        is_left = read.abs().sum(1) > 0
        read, weigh, write = read[is_left], weigh[is_left], write[:, is_left]
    size = len(read)
    both = (torch.kron(each, each).float().contiguous() for each in (read, write))
    twice_read, twice_write = both
    window = read.shape[1]
    return Form(
        window, window - 2, twice_read, torch.kron(weigh, weigh), twice_write, AT_ONE * (size + 1)
    )


FORMS = {doubles: _form(doubles) for doubles in (False, True)}


class Winograd:
    """One convolution's weights as its windows meet them.

    doubles: of a map to be doubled; size: height and width of one, for which weights are packed.
    """

    def __init__(
        self,
        weight: Float[Tensor, "out in 3 3"],
        bias: Float[Tensor, " out"],
        doubles: bool,
        size: tuple[int, int],
    ):
        self.form, self.bias = FORMS[doubles], bias
        flat = weight.permute(2, 3, 1, 0).reshape(9, -1).double()
        mapped = (self.form.weigh @ flat).float().view(-1, *weight.shape[1::-1])
        self.is_packed = is_here(weight.device, torch.float32)
        if self.is_packed:  # a group for each number
            numbers, width, _ = mapped.shape
            mapped = mapped.transpose(1, 2).reshape(-1, width, 1, 1)
            tiles = (side // self.form.step for side in size)
            mapped = pack(mapped, numbers, (1, numbers * width, *tiles))
        self.weight = mapped  # numbers, in, out, if it is not packed

    def __call__(
        self,
        padded: Float[Tensor, "batch height width in"],
        target: Float[Tensor, "batch new_height new_width out"],
        adds: bool,
        scratch: Scratch,
    ) -> None:
        """Write the convolution into `target`, or add it; both its sides are multiples of 4.

        padded: with one more pixel than is convolved on every side.
        """
        form = self.form
        windows = padded.unfold(1, form.window, form.step).unfold(2, form.window, form.step)
        batch, rows, columns, width = windows.shape[:4]
        tiles, (numbers, seen) = batch * rows * columns, form.read.shape
        pixels = scratch.take("seen", (batch, rows, columns, form.window, form.window, width))
        pixels.copy_(windows.permute(0, 1, 2, 4, 5, 3))
        read = scratch.take("read", (tiles, numbers, width))
        torch.bmm(form.read.expand(tiles, -1, -1), pixels.view(tiles, seen, width), out=read)
        mapped = self._mapped(read.view(batch, rows, columns, -1))
        mapped[:, form.bias_at] += self.bias
        written = scratch.take("written", (tiles, TILE * TILE, len(self.bias)))
        torch.bmm(form.write.expand(tiles, -1, -1), mapped, out=written)
        written = written.view(batch, rows, columns, TILE, TILE, -1).permute(0, 1, 3, 2, 4, 5)
        tiled = target.unflatten(2, (columns, TILE)).unflatten(1, (rows, TILE))
        tiled.add_(written) if adds else tiled.copy_(written)

    def _mapped(
        self, read: Float[Tensor, "batch rows columns numbers_in"]
    ) -> Float[Tensor, "tiles numbers out"]:
        """Every number of every tile by its own matrix."""
        numbers = len(self.form.read)
        if self.is_packed:
            mapped = convolve(read.permute(0, 3, 1, 2), self.weight, None, numbers)
            return mapped.permute(0, 2, 3, 1).reshape(-1, numbers, len(self.bias))
        by_tile = read.view(-1, numbers, self.weight.shape[1])
        return torch.bmm(by_tile.transpose(0, 1), self.weight).transpose(0, 1)
