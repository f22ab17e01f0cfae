"""Pictures repainted where a mask says so: what variation, inpainting and outpainting share.

Dimensions: batch (all pictures), height, width (in tokens), rows, columns (of pixels).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from src.conditioning.prompts import Prompts
from src.editing.batch import num_inputs, num_prompts, repeated, side_by_side
from src.editing.composite import composite
from src.editing.config import MODES, MOST_FEATHER, MOST_HALO
from src.editing.fit import Fit, fit_for
from src.editing.sources import Source
from src.editing.strength import check_strength, entered, hidden_at_start
from src.errors import UserError, shown
from src.filling import Asked, How, System, ask, fill, mask_id, token_unit, whole_size
from src.generation import Edited, Generation
from src.image_tokenizer.pictures import decode_pixels, encode_pixels, to_images
from src.limits import one_of

Mask = Bool[np.ndarray, "rows columns"]


def paint(
    system: System,
    sources: Sequence[Source],
    masks: Sequence[Mask],
    prompts: Prompts,
    how: How,
    strength: Any = 1.0,
    feather: Any = 0,
    halo: Any = 0,
) -> Generation:
    """Hide the tokens that the masks touch, draw them anew, and put the pixels into the pictures.

    strength: see `strength.py`. feather: see `composite`. halo: tokens around the mask that are
        drawn anew as well; their pixels outside the mask are not shown.
    A picture of which nothing is hidden comes back as it is. Raises UserError for what does not
    belong together.
    """
    check_strength(strength)
    check_whole("feather", feather, MOST_FEATHER, "pixels")
    check_whole("halo", halo, MOST_HALO, "tokens")
    count = num_inputs(images=len(sources), masks=len(masks), prompts=num_prompts(prompts))
    fit = fit_of(system, sources[0])
    prompts, inputs = side_by_side(prompts, count, how.num_images_per_prompt)
    asked = ask(system, prompts, fit.padded, how)
    sources = [repeated(sources, count)[each] for each in inputs]
    masks = [repeated(masks, count)[each] for each in inputs]
    is_touched = torch.stack([fit.touched(mask, halo) for mask in masks])
    config = asked.recipe.sampler
    is_hidden = hidden_at_start(is_touched, strength, config, exact_seeds(asked))
    recipe = replace(asked.recipe, sampler=entered(config, strength))
    token_ids = encoded(system, sources, fit)
    start = token_ids.masked_fill(is_hidden.to(token_ids.device), mask_id(system))
    return drawn_into(system, asked._replace(recipe=recipe), start, sources, masks, fit, feather)


def drawn_into(
    system: System,
    asked: Asked,
    start_token_ids: Int[Tensor, "batch height width"],
    sources: Sequence[Source],
    masks: Sequence[Mask],
    fit: Fit,
    feather: int = 0,
    is_mixed: bool = False,
) -> Generation:
    """Draw what is hidden in the start, and put it into the sources where the masks say so.

    is_mixed: the start is no source's alone, so that its tokens are a new picture even where none
        is hidden.
    """
    trace = fill(system, asked, start_token_ids)
    token_ids, is_hidden = trace.token_ids[-1], (start_token_ids == mask_id(system)).cpu()
    decoded = to_images(decode_pixels(system.image_tokenizer, token_ids))
    images, painted = [], []
    for source, mask, drawn, hidden in zip(sources, masks, decoded, is_hidden, strict=True):
        is_painted = mask if is_mixed or hidden.any() else np.zeros_like(mask)
        images.append(composite(source, fit.to_picture(drawn), is_painted, feather))
        painted.append(torch.from_numpy(is_painted))
    edited = Edited(decoded, is_hidden, torch.stack(painted))
    recipe, kept = asked.recipe, trace if asked.how.record else None
    return Generation(images, token_ids, recipe.seeds, kept, recipe, edited)


def encoded(
    system: System, sources: Sequence[Source], fit: Fit
) -> Int[Tensor, "batch height width"]:
    """The token ids of the sources; each is encoded once, however often it comes."""
    by_source = {
        id(source): encode_pixels(system.image_tokenizer, fit.to_model(source.rgb))
        for source in sources
    }
    return torch.cat([by_source[id(source)] for source in sources])


def fit_of(system: System, source: Source) -> Fit:
    """How the model works on pictures of this one's size."""
    trained = whole_size(system, None, None)
    downscale = system.image_tokenizer.downscale
    return fit_for(source.size, downscale, token_unit(system), trained[0] * trained[1])


def exact_seeds(asked: Asked) -> list[int]:
    """The seed of every picture; raises UserError where a generator was given instead."""
    if asked.recipe.seeds is None:
        raise UserError(
            "a generator goes with mode=upstream; give seeds, one a picture, instead of a generator"
        )
    return asked.recipe.seeds


def check_mode(mode: object) -> None:
    """Refuse what is neither exact nor upstream; raises UserError."""
    one_of("mode", mode, MODES)


def check_whole(name: str, value: object, most: int, unit: str) -> None:
    """Refuse what is no whole number from 0 on; raises UserError."""
    if type(value) is not int or not 0 <= value <= most:
        raise UserError(
            f"{name}={shown(value)} is impossible; give a whole number of {unit} from 0 to "
            f"{most:,}."
        )
