"""Which codes stand side by side more often than by chance: pointwise mutual information.

Dimensions: batch, height, width (in tokens), pairs (of codes that occur).
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from src.errors import UserError, shown


class CodePairs(NamedTuple):
    """Every ordered pair that occurs, the most frequent first.

    Pairs that never occur are absent (their information is minus infinity), so that a large
    codebook needs no table of all pairs.
    """

    first_ids: Int[Tensor, " pairs"]  # left, or above
    second_ids: Int[Tensor, " pairs"]  # right, or below
    counts: Int[Tensor, " pairs"]
    information: Float[Tensor, " pairs"]  # nats, log p(pair) / (p(first) p(second)); 0 = by chance

    @property
    def mutual_information(self) -> Float[Tensor, ""]:
        """Nats, the mean over all pairs: what one code says of its neighbour; from 0.

        Upwards biased where pairs are few: of independent codes by about (codes - 1)^2 / (2 pairs).
        """
        shares = self.counts.double() / self.counts.sum()
        return (shares * self.information.double()).sum().float()

    def table(self, ids: Int[Tensor, " some"]) -> Float[Tensor, "some some"]:
        """The information of some codes' pairs, first by second; NaN where a pair never occurs."""
        size = int(max(ids.max(), self.first_ids.max(), self.second_ids.max())) + 1
        place = torch.full((size,), -1)
        place[ids] = torch.arange(len(ids))
        rows, columns = place[self.first_ids], place[self.second_ids]
        is_asked = (rows >= 0) & (columns >= 0)
        table = torch.full((len(ids), len(ids)), torch.nan)
        table[rows[is_asked], columns[is_asked]] = self.information[is_asked]
        return table


def code_pairs(token_ids: Int[Tensor, "batch height width"], direction: str) -> CodePairs:
    """Count the neighbours of pictures: "across" is left and right, "down" above and below.

    What chance would give is taken from how often each code stands first and second.
    Raises UserError for another direction, or pictures that have no two tokens in this one.
    """
    if direction == "across":
        first, second = token_ids[:, :, :-1], token_ids[:, :, 1:]
    elif direction == "down":
        first, second = token_ids[:, :-1], token_ids[:, 1:]
    else:
        raise UserError(f"direction={shown(direction)} is unknown; give 'across' or 'down'.")
    if first.numel() == 0:
        raise UserError(
            f"token_ids of shape {tuple(token_ids.shape)} has no neighbours {direction}; give "
            "grids of two tokens or more."
        )
    first, second = first.flatten().cpu(), second.flatten().cpu()
    width = int(second.max()) + 1
    keys, counts = (first * width + second).unique(return_counts=True)
    order = counts.argsort(descending=True, stable=True)
    keys, counts = keys[order], counts[order]
    first_ids, second_ids = keys // width, keys % width
    by_chance = first.bincount()[first_ids].double() * second.bincount()[second_ids].double()
    information = (counts.double() * len(first) / by_chance).log()
    return CodePairs(first_ids, second_ids, counts, information.float())
