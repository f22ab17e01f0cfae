"""An early stop: a picture ends as soon as the model is sure of all that is still hidden.

The tokens that are left are then drawn at once, each by itself. What that loses is their total
correlation, which is at most the sum of their entropies: where these are small, so is the loss. It
is an approximation all the same: the tokens kept at once never see each other.

Dimensions: batch, seq (tokens of one image, row by row), codes.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from src.sampler.entropies import entropy
from src.sampler.plan import StepPlan


def is_sure(
    guided: Float[Tensor, "batch seq codes"],
    is_masked: Bool[Tensor, "batch seq"],
    now: StepPlan,
) -> Bool[Tensor, "batch"]:
    """Whether the mean entropy over a picture's hidden positions is at most `stop_entropy`.

    Of the guided distribution before temperature, as the trace's opinions say it, so that a bound
    can be read there. Each picture by itself, whatever its company; one with nothing hidden is not.
    """
    found = torch.zeros_like(is_masked[:, 0])
    for picture in is_masked.any(dim=1).nonzero()[:, 0].tolist():
        rows = guided[picture][is_masked[picture]].float().log_softmax(dim=-1)  # (hidden, codes)
        found[picture] = entropy(rows).mean() <= now.config.stop_entropy
    return found
