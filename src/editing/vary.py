"""Image variation: a picture drawn again from some of its own tokens."""

from typing import Any

import numpy as np

from src.conditioning.prompts import Prompts
from src.editing.paint import check_mode, paint
from src.editing.sources import open_sources
from src.editing.strength import check_strength
from src.editing.upstream import vary_as_upstream
from src.filling import How, System
from src.generation import Generation


def vary(
    system: System, images: Any, prompts: Prompts, strength: Any, mode: Any, how: How
) -> Generation:
    """See `Amused.vary`."""
    check_mode(mode)
    check_strength(strength)
    if mode == "upstream":
        return vary_as_upstream(system, images, prompts, strength, how)
    sources = open_sources(images)
    everywhere = np.ones(sources[0].size[::-1], dtype=np.bool_)
    return paint(system, sources, [everywhere], prompts, how, strength)
