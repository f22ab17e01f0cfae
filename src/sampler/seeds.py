"""One seed a picture: given by the user, or fresh ones from the operating system."""

import secrets
from collections.abc import Sequence
from typing import Any

from src.errors import UserError

FRESH_BITS = 32  # short enough to be typed again
LARGEST_SEED = 2**63 - 1


def seeds_for(num_pictures: int, seeds: Any = None) -> list[int]:
    """The seed of every picture.

    seeds: None for fresh ones, a whole number for a single picture, or one a picture; each from 0
        to 2**63 - 1. Raises UserError for any other count or value.
    """
    if seeds is None:
        return [secrets.randbits(FRESH_BITS) for _ in range(num_pictures)]
    listed = list(seeds) if isinstance(seeds, Sequence) and not isinstance(seeds, str) else [seeds]
    for seed in listed:
        if type(seed) is not int or not 0 <= seed <= LARGEST_SEED:
            raise UserError(
                f"seeds holds {seed!r}: a seed is a whole number from 0 to {LARGEST_SEED}"
            )
    if len(listed) != num_pictures:
        raise UserError(
            f"there are {len(listed)} seeds for {num_pictures} pictures (prompts times "
            "num_images_per_prompt): give one a picture, or none to draw fresh ones"
        )
    return listed
