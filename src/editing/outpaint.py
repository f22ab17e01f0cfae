"""Outpainting: a larger canvas around a picture, which is kept to the last bit."""

import math
from typing import Any

import numpy as np

from src.conditioning.prompts import Prompts
from src.editing.paint import paint
from src.editing.sources import Source, check_size, open_sources
from src.errors import UserError, shown
from src.filling import How, System
from src.generation import Generation
from src.sampler.config import LARGEST_SIDE


def outpaint(
    system: System,
    images: Any,
    prompts: Prompts,
    sides: dict[str, Any],
    how: How,
) -> Generation:
    """See `Amused.outpaint`; sides: how much is added at the left, right, top and bottom."""
    sources = open_sources(images)
    width, height = sources[0].size
    along = {"left": width, "right": width, "top": height, "bottom": height}
    added = {name: _pixels(name, sides[name], along[name]) for name in along}
    if not any(added.values()):
        raise UserError(
            "nothing is added: give left, right, top or bottom, in pixels or as a share"
        )
    grown = (width + added["left"] + added["right"], height + added["top"] + added["bottom"])
    check_size(grown, "the grown canvas")
    around = ((added["top"], added["bottom"]), (added["left"], added["right"]))
    is_new = np.pad(np.zeros((height, width), dtype=np.bool_), around, constant_values=True)
    canvases = [Source(np.pad(each.pixels, (*around, (0, 0)), mode="edge")) for each in sources]
    return paint(system, canvases, [is_new], prompts, how)


def _pixels(name: str, given: Any, side: int) -> int:
    """A whole number of pixels as it is, a floating point one as a share of the side."""
    is_pixels = type(given) is int and 0 <= given <= LARGEST_SIDE
    is_share = isinstance(given, float) and math.isfinite(given) and 0 <= given <= LARGEST_SIDE
    if not (is_pixels or is_share):
        raise UserError(
            f"{name}={shown(given)} is impossible; give pixels as a whole number, or a share of "
            "the picture's side as 0.5"
        )
    return given if is_pixels else round(given * side)
