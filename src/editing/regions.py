"""Several prompts in one picture, each where its own mask says.

Dimensions: regions, height, width (in tokens), rows, columns (of pixels).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from src.conditioning.prompts import checked_prompts
from src.conditioning.rows import Rows
from src.editing.config import MOST_FEATHER
from src.editing.fit import Fit
from src.editing.paint import Mask, check_whole, drawn_into, encoded, exact_seeds, fit_of
from src.editing.sources import Source, check_mask_size, open_masks, open_sources
from src.errors import UserError, shown
from src.filling import How, System, all_hidden, ask, mask_id, with_regions
from src.generation import Generation
from src.predicting import predict_for
from src.recipe import RegionTold

LEAST_WEIGHT, MOST_WEIGHT = 1e-6, 1e6
AT_LEAST = 1e-6  # share of a token that a mask touches without covering the middle of a pixel
BETWEEN_PROMPTS = " | "


class Region(NamedTuple):
    """A prompt and where it holds."""

    prompt: str
    mask: Any  # path, PIL picture or array, of the picture's size; True or white is the region
    weight: int | float | None = None  # against regions that it overlaps with; above 0


def edit_regions(system: System, image: Any, regions: Any, feather: Any, how: How) -> Generation:
    """See `Amused.edit_regions`."""
    check_whole("feather", feather, MOST_FEATHER, "pixels")
    prompts, masks, weights = _checked(regions)
    source = _source(image, masks[0])
    for index, mask in enumerate(masks):
        check_mask_size(mask, source, f"the mask of regions[{index}]")
    _check_overlaps(masks, weights)
    fit = fit_of(system, source)
    shares = _shares(masks, [weight or 1.0 for weight in weights], fit)
    is_open = shares.sum(dim=0) > 0  # (height, width)
    asked = ask(system, prompts[:1], fit.padded, how)
    exact_seeds(asked)
    count = asked.rows.num_pictures
    if image is None:
        _check_covered(is_open)
        start = all_hidden(system, asked)
    else:
        token_ids = encoded(system, [source], fit)
        start = token_ids.masked_fill(is_open.to(token_ids.device), mask_id(system))
        start = start.expand(count, -1, -1)
    erased = _erased(system, asked.rows.pick([0]), prompts, start[:1], is_open)
    told = [
        RegionTold(prompt, share.tolist(), codes.tolist())
        for prompt, share, codes in zip(prompts, shares, erased, strict=True)
    ]
    label = [BETWEEN_PROMPTS.join(prompts)] * count
    asked = asked._replace(
        rows=with_regions(system.text_encoder, asked.rows, told),
        recipe=replace(asked.recipe, prompts=label, regions=told),
    )
    painted = np.logical_or.reduce(masks)
    return drawn_into(system, asked, start, [source] * count, [painted] * count, fit, feather)


def _checked(regions: Any) -> tuple[list[str], list[Mask], list[int | float | None]]:
    if not isinstance(regions, Sequence) or isinstance(regions, Region) or not regions:
        raise UserError(
            f"regions is {shown(regions)}: give a list of Region(prompt, mask), one at least"
        )
    for index, region in enumerate(regions):
        if not isinstance(region, Region):
            raise UserError(f"regions[{index}] is {shown(region)}: give Region(prompt, mask)")
        _check_weight(region.weight, index)
    prompts = checked_prompts([region.prompt for region in regions], "the prompts of regions")
    masks = [_mask_of(region, index) for index, region in enumerate(regions)]
    return prompts, masks, [region.weight for region in regions]


def _check_weight(weight: Any, index: int) -> None:
    is_number = type(weight) in (int, float)
    if weight is not None and not (is_number and LEAST_WEIGHT <= weight <= MOST_WEIGHT):
        raise UserError(
            f"the weight of regions[{index}] is {shown(weight)}: give a number from "
            f"{LEAST_WEIGHT:g} to {MOST_WEIGHT:,.0f}, or none where regions do not overlap"
        )


def _mask_of(region: Region, index: int) -> Mask:
    name = f"the mask of regions[{index}]"
    masks = open_masks(region.mask, name)
    if len(masks) > 1:
        raise UserError(f"{name} is a list of {len(masks)}: give one, or a region for each")
    if not masks[0].any():
        raise UserError(f"{name} covers nothing: leave the region out")
    return masks[0]


def _source(image: Any, mask: Mask) -> Source:
    """The picture, or a blank one of the masks' size."""
    if image is None:
        return Source(np.full((*mask.shape, 3), 255, dtype=np.uint8))
    sources = open_sources(image)
    if len(sources) > 1:
        raise UserError(f"edit_regions takes one picture, and there are {len(sources)}")
    return sources[0]


def _check_overlaps(masks: list[Mask], weights: list[int | float | None]) -> None:
    """Where two regions claim a pixel, only weights can say whose word counts."""
    for one, mask in enumerate(masks):
        for other in range(one):
            num_shared = int((mask & masks[other]).sum())
            if num_shared and None in (weights[one], weights[other]):
                raise UserError(
                    f"regions[{other}] and regions[{one}] overlap in {num_shared:,} pixels: give "
                    "both a weight, or masks that do not overlap"
                )


def _check_covered(is_open: Bool[Tensor, "height width"]) -> None:
    if not is_open.all():
        raise UserError(
            f"{int((~is_open).sum()):,} of {is_open.numel():,} tokens are in no region: without a "
            "picture nothing can stand there, so let the regions cover all of it"
        )


def _shares(
    masks: list[Mask], weights: list[int | float], fit: Fit
) -> Float[Tensor, "regions height width"]:
    """Each region's part of every token: the pixels it covers there, times its weight."""
    parts = []
    for mask, weight in zip(masks, weights, strict=True):
        least = fit.touched(mask).float() * AT_LEAST
        parts.append(weight * torch.maximum(fit.coverage(mask), least))
    parts = torch.stack(parts)
    return parts / parts.sum(dim=0).clamp(min=torch.finfo(parts.dtype).tiny)


def _erased(
    system: System,
    rows: Rows,
    prompts: list[str],
    start: Int[Tensor, "1 height width"],
    is_open: Bool[Tensor, "height width"],
) -> Int[Tensor, "regions height width"]:
    """What stands for the tokens of other regions while a prompt is asked as if it were alone.

    The nearest token that is kept; where none is, the code that the prompt itself finds likeliest.
    """
    if not is_open.all():
        nearest = distance_transform_edt(is_open, return_distances=False, return_indices=True)
        codes = start[0].cpu()[tuple(torch.from_numpy(axis.astype(np.int64)) for axis in nearest)]
        return codes.expand(len(prompts), -1, -1)
    found = []
    for prompt in prompts:
        text = system.text_encoder.encode([prompt])
        predict = predict_for(system.transformer, rows._replace(text=text))
        with torch.no_grad():
            logits = predict(start, torch.ones_like(start, dtype=torch.bool), False).conditional
        found.append(logits.argmax(dim=-1).view(start.shape[1:]).cpu())
    return torch.stack(found)
