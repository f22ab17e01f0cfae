"""The mask schedule: what share of the image tokens is hidden, given how far along we are.

The same law draws training examples and drives decoding (MaskGIT section 3.3, aMUSEd section 3).
Every law begins with all hidden and ends with nothing hidden; they differ in when tokens are
revealed. Dimensions: any; the laws work number by number.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from src.masking.config import BY_HAND, read_schedule

Law = Callable[..., Tensor]


def cosine(progress: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """cos(pi r / 2): slow at first, when the model knows least, fast at the end. MaskGIT."""
    return (progress * (math.pi / 2)).cos()


def linear(progress: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """1 - r: every step reveals the same number of tokens, give or take one. Or: uniform.

    MaskGIT, its ablation of schedules.
    """
    return 1 - progress


def arccos(progress: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """(2 / pi) arccos(r): slower than linear throughout, and fast at the end. Halton-MaskGIT."""
    return progress.acos() * (2 / math.pi)


def power(progress: Float[Tensor, "*shape"], exponent: float) -> Float[Tensor, "*shape"]:
    """1 - r^a: above 1 slow at first, below 1 fast at first. MaskGIT's code."""
    return 1 - progress**exponent


def square(progress: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """1 - r^2. MaskGIT, its ablation of schedules."""
    return power(progress, 2.0)


def cubic(progress: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """1 - r^3: a slower beginning than square. MaskGIT, its ablation of schedules."""
    return power(progress, 3.0)


def square_root(progress: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """1 - r^(1/2): most tokens at once, too early. MaskGIT, its ablation of schedules."""
    return 1 - progress.sqrt()


def exponential(progress: Float[Tensor, "*shape"], rate: float) -> Float[Tensor, "*shape"]:
    """(1 - e^(-c (1 - r))) / (1 - e^-c): slow for long, then nearly all at once.

    MaskGIT's has c = log(number of tokens), eMIGM's 5; both without the divisor, and so begin with
    a share of e^-c already revealed.
    """
    return torch.expm1(-rate * (1 - progress)) / math.expm1(-rate)


def logarithmic(progress: Float[Tensor, "*shape"], rate: float) -> Float[Tensor, "*shape"]:
    """-log(r) / c, at most 1: more than half by r = 0.1. MaskGIT: c = log(tokens)."""
    return (progress.log() / -rate).clamp(max=1) + 0.0  # no negative zero at the end


def by_hand(progress: Float[Tensor, "*shape"], *shares: float) -> Float[Tensor, "*shape"]:
    """Straight lines through the shares given for r = 1/n, 2/n, ..., 1, from 1 at r = 0.

    What a search over shares ends with, such as AutoNAT's (arXiv 2406.05478).
    """
    knots = torch.tensor((1.0, *shares), dtype=torch.float64, device=progress.device)
    place = progress.double() * len(shares)
    place = torch.where((place - place.round()).abs() < 1e-6, place.round(), place)  # k/n is a knot
    left = place.floor().long().clamp(0, len(shares) - 1)
    part = place - left
    return ((1 - part) * knots[left] + part * knots[left + 1]).to(progress.dtype)


SCHEDULES: dict[str, Law] = {
    "cosine": cosine,
    "linear": linear,
    "uniform": linear,
    "arccos": arccos,
    "power": power,
    "square": square,
    "cubic": cubic,
    "square_root": square_root,
    "exponential": exponential,
    "logarithmic": logarithmic,
    BY_HAND: by_hand,
}


def mask_ratio(progress: Float[Tensor, "*shape"], schedule: str) -> Float[Tensor, "*shape"]:
    """The hidden share, 1..0, at `progress` 0..1 (0 = all hidden, 1 = done).

    schedule: a law, as in "cosine", "power:2.5", "by_hand:0.8/0.3/0"; see `read_schedule`.
    The result keeps progress's precision, and that can decide a count: in float32 cos(pi/3) lies
    just below one half. Raises UserError if `schedule` cannot be read.
    """
    law, numbers = read_schedule(schedule)
    return SCHEDULES[law](progress, *numbers)
