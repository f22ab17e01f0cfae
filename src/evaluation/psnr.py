"""How near pictures come back: the peak signal-to-noise ratio.

Dimensions: batch.
"""

import torch
from jaxtyping import Float
from torch import Tensor

SAME = 1e-10  # mean square error of equal pictures: 100 dB instead of infinitely many


def psnr(
    pixels: Float[Tensor, "batch 3 height width"], back: Float[Tensor, "batch 3 height width"]
) -> Float[Tensor, " batch"]:
    """Decibels, a picture each, of pixels from 0 to 1; 20 is coarse, 30 good, 40 hardly visible."""
    error = (back - pixels).square().mean(dim=(1, 2, 3))
    return -10 * torch.log10(error.clamp(min=SAME))
