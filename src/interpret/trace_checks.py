"""Whether what a trace's file holds belongs together: its header, its tensors and its recipe.

Each check raises UserError with the middle of a sentence, to which `load_trace` adds the file; or
KeyError for what is not there at all.
"""

from typing import Any

import torch
from torch import Tensor

from src.errors import UserError, shown
from src.recipe import Recipe
from src.sampler.opinion import Opinion

COUNTS = ("num_scheduled", "num_passes")
FLAGS = ("is_masked", "is_given")
WHOLE = ("drawn_ids", *FLAGS, *COUNTS)
NUM_DIMS = 4  # steps, batch, height, width
CONFIDENT = 1e-4  # nats above 0 that rounding may give a log-probability


def check_header(header: dict[str, Any]) -> None:
    """That the weights and what hides a token are named."""
    for key in ("weights_hash", "dtype"):
        if not isinstance(header[key], str) or not header[key]:
            raise UserError(f"its {key} is {shown(header[key])}, which is no text")
    mask_token_id = header["mask_token_id"]
    if type(mask_token_id) is not int or mask_token_id < 1:
        raise UserError(f"its mask_token_id is {shown(mask_token_id)}, which is no id of a token")


def check_tensors(tensors: dict[str, Tensor], mask_token_id: int, recipe: Recipe) -> None:
    """That the tensors are of one decoding, the recipe's, and hold what such ones hold."""
    whole = tensors["drawn_ids"].shape
    if len(whole) != NUM_DIMS or not tensors["drawn_ids"].numel():
        raise UserError(f"drawn_ids has shape {tuple(whole)}, which is no steps of grids")
    _check_shapes(tensors, whole)
    _check_recipe(whole, recipe)
    for key in WHOLE:
        if tensors[key].is_floating_point():
            raise UserError(f"{key} holds {_kind(tensors[key])}, and whole numbers belong there")
    for key in FLAGS:
        if ((tensors[key] != 0) & (tensors[key] != 1)).any():
            raise UserError(f"{key} holds something else than 0 and 1")
    for key in COUNTS:
        if (tensors[key] < 0).any():
            raise UserError(f"{key} holds a number below 0")
    least, most = (int(end) for end in tensors["drawn_ids"].long().aminmax())
    if least < 0 or most >= mask_token_id:
        raise UserError(
            f"drawn_ids holds {least if least < 0 else most}, and codes below its mask_token_id "
            f"{mask_token_id} belong there"
        )
    confidence = tensors["confidence"]
    if not confidence.is_floating_point() or not (confidence <= CONFIDENT).all():  # nor is NaN
        raise UserError("confidence holds what is no log-probability, such as NaN or one above 0")


def _check_shapes(tensors: dict[str, Tensor], whole: torch.Size) -> None:
    shapes = {
        **dict.fromkeys(("is_masked", "confidence"), whole),
        "is_given": whole[1:],
        **dict.fromkeys(COUNTS, whole[:2]),
    }
    if tensors.keys() & set(Opinion._fields):
        num_top = tensors["top_ids"].shape[-1]
        shapes |= dict.fromkeys(Opinion._fields, whole)
        shapes |= dict.fromkeys(("top_ids", "top_log_probs"), (*whole, num_top))
    if "corrector_margin" in tensors:
        shapes["corrector_margin"] = whole
    for key, shape in shapes.items():
        if tensors[key].shape != torch.Size(shape):
            raise UserError(
                f"{key} has shape {tuple(tensors[key].shape)} where {tuple(shape)} belongs to "
                "drawn_ids"
            )


def _check_recipe(whole: torch.Size, recipe: Recipe) -> None:
    """That the steps, pictures and grid are the recipe's; each token is as many pixels a side."""
    num_steps, num_pictures, height, width = whole
    for what, found, told in (
        ("steps", num_steps, recipe.sampler.num_steps),
        ("pictures", num_pictures, len(recipe.micro_cond)),
    ):
        if found != told:
            raise UserError(f"drawn_ids has {found} {what} and its recipe tells of {told}")
    sides = (recipe.height, recipe.width)
    is_whole = all(type(side) is int and side > 0 for side in sides)
    if not is_whole or any(side % grid for side, grid in zip(sides, (height, width), strict=True)):
        raise UserError(
            f"drawn_ids has {height} x {width} tokens, which cannot be cells of the recipe's "
            f"{shown(recipe.height)} x {shown(recipe.width)} pixels"
        )
    if recipe.height // height != recipe.width // width:
        raise UserError(
            f"drawn_ids has {height} x {width} tokens, which are no squares of the recipe's "
            f"{recipe.height} x {recipe.width} pixels"
        )


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
