"""When each token was settled, and how sure the model was: maps read from a decoding's trace.

Dimensions: steps, batch, height, width (in tokens).
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.sampler.trace import Trace

GIVEN = 0  # known before the first step
NEVER = -1  # still hidden where the trace ends


def commit_steps(trace: Trace) -> Int[Tensor, "batch height width"]:
    """The step, from 1, at which each position was kept for good; else GIVEN or NEVER.

    A sampler may hide a position again; then its last time counts.
    """
    step = torch.arange(1, trace.num_steps + 1)[:, None, None, None]  # (steps, 1, 1, 1)
    last_hidden = (step * trace.is_masked).amax(dim=0)  # 0 = hidden after no step
    kept = (last_hidden + 1).masked_fill(trace.is_masked[-1], NEVER)
    return kept.masked_fill(trace.is_given, GIVEN)


def was_drawn(trace: Trace) -> Bool[Tensor, "steps batch height width"]:
    """True where a step drew a code: the positions that were hidden when it began."""
    return torch.cat([~trace.is_given[None], trace.is_masked[:-1]])


def confidence_maps(trace: Trace) -> Float[Tensor, "steps batch height width"]:
    """The model's probability of the code it drew, 0..1, after each step.

    A settled position keeps the value it was drawn with; a given one has 1.
    """
    return trace.confidence.exp()
