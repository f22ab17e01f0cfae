"""How much of a codebook is in use: how often each code is chosen, and how evenly.

Dimensions: codes.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def code_counts(token_ids: Int[Tensor, "..."], num_codes: int) -> Int[Tensor, " codes"]:
    """How often each code is chosen."""
    return torch.bincount(token_ids.flatten(), minlength=num_codes)


def share_used(counts: Int[Tensor, " codes"]) -> Float[Tensor, ""]:
    """The share of codes that are chosen at all."""
    return (counts > 0).float().mean()


def perplexity(counts: Int[Tensor, " codes"]) -> Float[Tensor, ""]:
    """The exponential of the entropy: 1 where one code has it all, the codebook's size at best."""
    shares = counts / counts.sum()
    return torch.special.entr(shares).sum().exp()
