"""How much a distribution hesitates, and how far two lie apart.

Dimensions: rows (one a position), codes, and `where`: whatever a position is named by.
"""

from jaxtyping import Float
from torch import Tensor


def entropy(log_probs: Float[Tensor, "rows codes"]) -> Float[Tensor, "rows"]:
    """- sum p log p, in nats; a code that is ruled out adds nothing."""
    probs = log_probs.exp()
    return -(probs * log_probs.masked_fill(probs == 0, 0.0)).sum(dim=-1)


def divergence(
    log_probs: Float[Tensor, "*#where codes"], other: Float[Tensor, "*#where codes"]
) -> Float[Tensor, "*where"]:
    """KL(one || other), in nats, from 0; a code that the first rules out adds nothing."""
    probs = log_probs.exp()
    apart = (probs * (log_probs - other)).masked_fill(probs == 0, 0.0).sum(dim=-1)
    return apart.clamp(min=0)  # in float32 the probabilities sum to 1 only nearly
