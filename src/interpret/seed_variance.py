"""How much of a picture the prompt decides and how much the seed; and in which step it is decided.

Dimensions: seeds (pictures of one prompt), height, width (in tokens; of pixels where named so),
prefixes (how many steps the pictures of a row have in common).
"""

import math
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from src.errors import UserError
from src.interpret.checked import check_count

NEVER = -1  # still differs with the longest prefix


class SeedVariance(NamedTuple):
    """Of several pictures of one prompt."""

    entropy: Float[Tensor, "height width"]  # nats, of the ids over seeds, 0 .. ln min(seeds, codes)
    hamming: Float[Tensor, "seeds seeds"]  # share of the positions in which two differ, 0..1
    pixel_deviation: Float[Tensor, "pixel_height pixel_width"] | None  # 0..0.5, over the seeds

    @property
    def mean_hamming(self) -> Float[Tensor, ""]:
        """Of two different seeds."""
        count = len(self.hamming)
        return self.hamming.sum() / (count * (count - 1))


class PrefixVariance(NamedTuple):
    """Of rows of pictures that have more and more of their first steps in common."""

    mean_entropy: Float[Tensor, "prefixes"]  # nats, over the positions
    mean_hamming: Float[Tensor, "prefixes"]  # 0..1, over the pairs of seeds
    decided_at: Int[Tensor, "height width"]  # the shortest prefix from which all seeds agree; NEVER


def seed_variance(
    token_ids: Int[Tensor, "seeds height width"],
    pixels: Float[Tensor, "pictures 3 pixel_height pixel_width"] | None = None,
) -> SeedVariance:
    """Compare the finished pictures of several seeds; their order does not matter.

    pixels: the same pictures decoded, 0..1; their deviation is the root of the variance over the
        seeds, averaged over the three colours.
    Raises UserError for less than two pictures, or another number of decoded ones.
    """
    if len(token_ids) < 2:
        raise UserError(f"{len(token_ids)} picture has no variance; give two or more seeds.")
    if pixels is not None and len(pixels) != len(token_ids):
        raise UserError(
            f"pixels has {len(pixels)} pictures and token_ids {len(token_ids)}; give the same."
        )
    deviation = None
    if pixels is not None:
        deviation = pixels.float().var(dim=0, correction=0).mean(dim=0).sqrt()
    rows = token_ids.flatten(1)  # (seeds, seq)
    differs = rows[:, None] != rows[None]  # (seeds, seeds, seq)
    return SeedVariance(_entropy(token_ids), differs.float().mean(dim=2), deviation)


def prefix_variance(
    token_ids: Int[Tensor, "prefixes seeds height width"], num_shared: list[int]
) -> PrefixVariance:
    """When is a picture decided? Pictures that share their first steps, and differ in the rest.

    token_ids: row k: the finished pictures of one run's first `num_shared[k]` steps, taken on by
        several seeds.
    num_shared: steps from 0, ascending, one a row.
    Raises UserError where these do not fit.
    """
    is_rising = all(a < b for a, b in pairwise(num_shared))
    if len(num_shared) != len(token_ids) or not is_rising:
        raise UserError(
            f"num_shared={num_shared} does not name {len(token_ids)} rows of pictures; give the "
            "shared steps of each, ascending."
        )
    rows = [seed_variance(row) for row in token_ids]
    agrees = (token_ids == token_ids[:, :1]).all(dim=1)  # (prefixes, height, width)
    stays = agrees.flip(0).long().cumprod(dim=0)  # from the longest prefix on, backwards
    num_agreeing = stays.sum(dim=0)  # (height, width)
    first = torch.tensor([NEVER, *reversed(num_shared)])
    return PrefixVariance(
        torch.stack([row.entropy.mean() for row in rows]),
        torch.stack([row.mean_hamming for row in rows]),
        first[num_agreeing],
    )


def most_entropy(num_seeds: int, num_codes: int) -> float:
    """Nats, the most that `entropy` can be: every seed another code, while there are enough.

    Raises UserError for no codes.
    """
    check_count("num_codes", num_codes)
    return math.log(min(num_seeds, num_codes))


def _entropy(token_ids: Int[Tensor, "seeds height width"]) -> Float[Tensor, "height width"]:
    """Of the share of seeds that have each code: the mean over seeds of - log share of its code.

    Sorted, so that the order of the seeds changes nothing, not even the last bit.
    """
    ids = token_ids.sort(dim=0).values
    shares = (ids[:, None] == ids[None]).double().mean(dim=1)  # (seeds, height, width)
    return (0 - shares.log().mean(dim=0)).float()
