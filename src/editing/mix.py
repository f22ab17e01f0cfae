"""Two pictures mixed token by token, and what does not fit drawn anew.

Dimensions: batch (all pictures), height, width (in tokens).
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from src.conditioning.prompts import Prompts
from src.editing.batch import num_inputs, num_prompts, repeated, side_by_side
from src.editing.paint import drawn_into, encoded, exact_seeds, fit_of
from src.editing.scattered import scattered
from src.editing.sources import by, open_sources
from src.editing.strength import check_strength, entered, hidden_at_start
from src.errors import UserError, shown
from src.filling import How, System, ask, mask_id
from src.generation import Generation
from src.sampler.one_picture import FOR_MIXTURE


def mix(
    system: System,
    first: Any,
    second: Any,
    prompts: Prompts,
    share: Any,
    strength: Any,
    how: How,
) -> Generation:
    """See `Amused.mix`."""
    check_strength(strength)
    is_number = isinstance(share, int | float) and not isinstance(share, bool)
    if not is_number or not 0 <= share <= 1:
        raise UserError(
            f"share={shown(share)} is impossible; give a number from 0, all of the first picture, "
            "to 1, all of the second"
        )
    ones, others = open_sources(first, "first"), open_sources(second, "second")
    if ones[0].size != others[0].size:
        raise UserError(
            f"the pictures to mix have {by(ones[0].size)} and {by(others[0].size)} pixels: give "
            "two of one size"
        )
    count = num_inputs(first=len(ones), second=len(others), prompts=num_prompts(prompts))
    fit = fit_of(system, ones[0])
    prompts, inputs = side_by_side(prompts, count, how.num_images_per_prompt)
    asked = ask(system, prompts, fit.padded, how)
    seeds, config = exact_seeds(asked), asked.recipe.sampler
    ones, others = ([repeated(each, count)[one] for one in inputs] for each in (ones, others))
    token_ids = encoded(system, ones, fit)
    everywhere = torch.ones_like(token_ids, dtype=torch.bool)
    is_second = scattered(everywhere, share, seeds, FOR_MIXTURE)
    token_ids = torch.where(is_second, encoded(system, others, fit), token_ids)
    is_hidden = hidden_at_start(everywhere, strength, config, seeds)
    asked = asked._replace(recipe=replace(asked.recipe, sampler=entered(config, strength)))
    painted = np.ones(ones[0].size[::-1], dtype=np.bool_)
    start = token_ids.masked_fill(is_hidden, mask_id(system))
    return drawn_into(system, asked, start, ones, [painted] * len(inputs), fit, is_mixed=True)
