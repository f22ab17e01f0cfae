"""Draw a code by inverting the distribution function: one uniform number a position.

Dimensions: rows (positions to draw), codes.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def draw_by_inversion(
    log_probs: Float[Tensor, "rows codes"],
    uniform: Float[Tensor, "rows"],
    temperature: float,
) -> Int[Tensor, "rows"]:
    """The first code whose summed probability exceeds `uniform`; a code of probability 0 never is.

    uniform: float64, strictly between 0 and 1. temperature 0: the most probable code, the first of
    equals.
    """
    if temperature == 0:
        return log_probs.argmax(dim=-1)
    probs = log_probs.exp() if temperature == 1 else softened(log_probs, temperature)
    summed = probs.cumsum(dim=-1, dtype=torch.float64)
    threshold = uniform[:, None] * summed[:, -1:]  # below the last sum, as uniform is below 1
    drawn = torch.searchsorted(summed, threshold, right=True)[:, 0]
    return drawn.clamp(max=log_probs.shape[-1] - 1)  # NaN finds none; that is told when all is done


def softened(log_probs: Float[Tensor, "*rows codes"], temperature: float) -> Tensor:
    """softmax(log p / temperature), from the best code down so that no temperature overflows."""
    below_best = (log_probs - log_probs.amax(dim=-1, keepdim=True)).double()
    return (below_best / temperature).softmax(dim=-1)
