"""How much a distribution hesitates. Dimensions: rows (one a position), codes."""

from jaxtyping import Float
from torch import Tensor


def entropy(log_probs: Float[Tensor, "rows codes"]) -> Float[Tensor, "rows"]:
    """- sum p log p, in nats; a code that is ruled out adds nothing."""
    probs = log_probs.exp()
    return -(probs * log_probs.masked_fill(probs == 0, 0.0)).sum(dim=-1)
