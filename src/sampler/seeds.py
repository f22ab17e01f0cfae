"""One seed a picture: given by the user, or fresh ones from the operating system."""

import secrets
from collections.abc import Iterable
from typing import Any

from src.errors import UserError
from src.limits import check_seed
from src.sampler.seeded_noise import SeededNoise

FRESH_BITS = 32  # short enough to be typed again


def seeds_for(num_pictures: int, seeds: Any = None) -> list[int]:
    """The seed of every picture.

    seeds: None for fresh ones, a whole number for a single picture, or one a picture, each from
        0 to 2**63 - 1. Raises UserError for any other count or value.
    """
    if seeds is None:
        return [secrets.randbits(FRESH_BITS) for _ in range(num_pictures)]
    is_many = isinstance(seeds, Iterable) and not isinstance(seeds, str)
    checked = SeededNoise(list(seeds) if is_many else [seeds]).seeds
    for index, seed in enumerate(checked):  # as the command's, whose numbers have a sign
        check_seed(f"seeds[{index}]", seed)
    if len(checked) != num_pictures:
        raise UserError(
            f"there are {len(checked)} seeds for {num_pictures} pictures (prompts times "
            "num_images_per_prompt): give one a picture, or none to draw fresh ones"
        )
    return checked
