"""How many positions stay hidden after a step: the schedule, kept within what is possible.

The law (aMUSEd's scheduler, MaskGIT section 3.3): with H positions hidden at the start, M now,
and r the mask ratio at progress step / num_steps,

    n = floor(H * r), at most M - 1, at least 1

so that every step settles something and the last one has something left to settle. With more steps
than tokens, one position waits hidden for the last step and is drawn anew in each; a picture with
nothing hidden has n = 0. (Training rounds instead of flooring: see masking/corrupt.py.)

Dimensions: batch, seq (tokens of one image, row by row).
"""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.masking.schedule import mask_ratio

# A product that should be whole may fall short of it by some 1e-13 (1 - 0.9 is not 0.1), and would
# lose one. No other product comes as close to the next whole number.
ROUNDING = 1e-9


def exact_count(num_at_start: int, num_now: int, ratio: float) -> int:
    """The law in float64, for one picture: 128 of 256 stay where the ratio is one half."""
    wanted = math.floor(num_at_start * ratio + ROUNDING)
    return min(max(min(wanted, num_now - 1), 1), num_now)


def upstream_count(
    is_masked: Bool[Tensor, "batch seq"],
    is_given: Bool[Tensor, "batch seq"],
    step: int,
    num_steps: int,
    schedule: str,
    share_at_start: Float[Tensor, "batch"] | None = None,
) -> Int[Tensor, "batch"]:
    """The law as the reference computes it, in float32: 127 of 256 stay after step 8 of 12.

    share_at_start: float32, what the reference multiplies by, one number for a whole batch. None:
        each picture's own, which is the same whenever the pictures of a batch hide equally many.
    """
    seq = is_masked.shape[1]
    progress = torch.tensor(step, device=is_masked.device) / num_steps  # float32
    if share_at_start is None:
        share_at_start = (~is_given).sum(dim=1) / seq  # (batch,), float32
    wanted = (seq * (share_at_start * mask_ratio(progress, schedule))).floor().long()
    num_now = is_masked.sum(dim=1)
    return wanted.minimum(num_now - 1).clamp(min=1).minimum(num_now)
