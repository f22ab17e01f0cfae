"""Some tokens of a picture, chosen by its seed alone: exactly so many, and more include fewer.

Dimensions: batch, height, width (in tokens).
"""

import math

import torch
from jaxtyping import Bool
from torch import Tensor

from src.sampler.seeded_noise import SeededNoise

ROUNDING = 1e-9  # a product that should be whole may fall short of it in floating point


def scattered(
    is_eligible: Bool[Tensor, "batch height width"],
    share: int | float,
    seeds: list[int],
    purpose: int,
) -> Bool[Tensor, "batch height width"]:
    """floor(n x share) of each picture's n eligible tokens.

    purpose: what the random numbers are for; see `sampler.one_picture`.
    """
    noise, chosen = SeededNoise(seeds), []
    for picture, eligible in enumerate(is_eligible.cpu().flatten(1)):
        place = noise.draws(picture, 0, eligible.long()).of_picture(purpose)
        order = place.masked_fill(~eligible, torch.inf).argsort(stable=True)
        count = math.floor(int(eligible.sum()) * share + ROUNDING)
        chosen.append(torch.zeros_like(eligible).scatter(0, order[:count], True))
    return torch.stack(chosen).view(is_eligible.shape).to(is_eligible.device)
