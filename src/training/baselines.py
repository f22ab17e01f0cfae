"""What a model has to beat: how frequent each code is, and the nearest visible neighbour's code.

Dimensions: batch, height and width (of the token grid), seq = height * width, codes, tokens.
"""

import math
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.training.running_sums import RunningSums

NOTHING_VISIBLE = -1  # no code: a picture that is hidden wholly has no neighbour to copy
ROWS_AT_ONCE = 8  # of the table batch x seq x seq


@dataclass
class CodeCounts(RunningSums):
    """How often each code was to be guessed, since the run began."""

    counts: Int[Tensor, " codes"]

    @classmethod
    def of(cls, num_codes: int) -> "CodeCounts":
        return cls(torch.zeros(num_codes, dtype=torch.int64))

    def update(self, codes: Int[Tensor, " tokens"]) -> None:
        self.counts += torch.bincount(codes.cpu(), minlength=len(self.counts))

    @property
    def losses(self) -> Float[Tensor, " codes"]:
        """The loss, in nats, of a model that knows these frequencies only; infinite if unseen."""
        shares = self.counts.double() / self.counts.sum()
        return -shares.log()

    @property
    def entropy(self) -> float:
        """The mean of that loss over everything counted: the unigram entropy, in nats."""
        shares = self.counts.double() / self.counts.sum()
        return torch.special.entr(shares).sum().item()

    @property
    def usage(self) -> float:
        """The share of the codebook that was ever seen, 0..1."""
        return (self.counts > 0).double().mean().item()

    @property
    def perplexity(self) -> float:
        """So many equally frequent codes would be as hard to guess; at most codes."""
        return math.exp(self.entropy)


def copy_nearest(
    token_ids: Int[Tensor, "batch height width"], is_masked: Bool[Tensor, "batch height width"]
) -> Int[Tensor, "batch height width"]:
    """Every token's nearest visible code by distance on the grid; ties go to reading order.

    A visible token is its own nearest. Where nothing is visible the answer is NOTHING_VISIBLE.
    """
    _, height, width = token_ids.shape
    order = _by_distance(height, width).to(token_ids.device)  # (seq, seq), nearest first
    codes, is_visible = token_ids.flatten(1), ~is_masked.flatten(1)
    copied = []
    for some_codes, visible in zip(
        codes.split(ROWS_AT_ONCE), is_visible.split(ROWS_AT_ONCE), strict=True
    ):
        rank = visible[:, order].to(torch.uint8).argmax(dim=-1)  # of the first visible: (rows, seq)
        place = order.expand(len(rank), -1, -1).gather(2, rank[..., None])[..., 0]
        nearest = some_codes.gather(1, place)
        copied.append(nearest.masked_fill(~visible.any(dim=1, keepdim=True), NOTHING_VISIBLE))
    return torch.cat(copied).view_as(token_ids)


@cache
def _by_distance(height: int, width: int) -> Int[Tensor, "seq seq"]:
    """For every place of the grid all places, the nearest first, equal distances as read."""
    places = torch.cartesian_prod(torch.arange(height), torch.arange(width))  # (seq, 2)
    squares = (places[:, None] - places[None]).square().sum(dim=-1)
    return squares.argsort(dim=1, stable=True)
