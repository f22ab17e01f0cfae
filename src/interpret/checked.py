"""What the analyses are handed, looked at before the work: pictures, steps, scales, canvases, ...

Each check raises UserError, and says in its sentence what would be right.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from src.amused import Amused
from src.errors import UserError, is_encodable, shown
from src.sampler.config import LARGEST

Position = tuple[int, int]  # (row, column) on the token grid


def check_picture(picture: Any, num_pictures: int) -> None:
    """Refuse what is no number of a picture."""
    if type(picture) is not int or not 0 <= picture < num_pictures:
        raise UserError(
            f"picture={shown(picture)} is not there; this generation has {num_pictures}, from 0."
        )


def check_step(step: Any, num_steps: int) -> None:
    """Refuse what is no step of a trace; the first is 1."""
    if type(step) is not int or not 1 <= step <= num_steps:
        raise UserError(f"step={shown(step)} is not there: the trace has 1 to {num_steps}.")


def check_count(name: str, value: Any, most: int | None = None, least: int = 1) -> None:
    """Refuse what is no whole number from `least`; most: None = as many as you like."""
    if type(value) is not int or value < least or (most is not None and value > most):
        upper = "" if most is None else f" to {most:,}"
        raise UserError(
            f"{name}={shown(value)} is impossible; give a whole number from {least}{upper}."
        )


def check_share(name: str, value: Any) -> None:
    """Refuse what is no number above 0 and up to 1."""
    if not is_number(value) or not 0 < value <= 1:
        raise UserError(f"{name}={shown(value)} is impossible; give a share above 0 and up to 1.")


def check_guidance_scale(guidance_scale: Any, or_none: bool = False) -> None:
    """Refuse a scale that `generate` would refuse. or_none: None stands for the run's own."""
    if guidance_scale is None and or_none:
        return
    if type(guidance_scale) not in (int, float) or not 0 <= guidance_scale <= LARGEST:
        own = ", or None for the run's own" if or_none else ", such as 1 for none"
        raise UserError(
            f"guidance_scale={shown(guidance_scale)} is impossible; give a number from 0 to "
            f"{LARGEST:,.0f}{own}."
        )


def check_text(name: str, text: Any) -> None:
    """Refuse what is no text, or none in UTF-8."""
    if not isinstance(text, str) or not is_encodable(text):
        raise UserError(f"{name} is {shown(text)}, which is no text; give one, as 'a red sun'.")


def check_grid(name: str, token_ids: Any, num_dims: int = 3) -> None:
    """Refuse what is no tensor of whole numbers on token grids, such as a canvas.

    num_dims: 3 = pictures, height, width; 2 = height, width.
    """
    wanted = ("height", "width") if num_dims == 2 else ("pictures", "height", "width")
    is_whole = isinstance(token_ids, Tensor) and token_ids.dtype in (torch.int32, torch.int64)
    if not is_whole or token_ids.ndim != num_dims or not token_ids.numel():
        found = shown(token_ids)
        if isinstance(token_ids, Tensor):
            kind = str(token_ids.dtype).removeprefix("torch.")
            found = f"a tensor of {kind} and shape {tuple(token_ids.shape)}"
        raise UserError(f"{name} is {found}; give whole numbers (int64), {' x '.join(wanted)}.")


def check_canvas(
    amused: Amused, token_ids: Any, num_dims: int = 3, name: str = "token_ids"
) -> None:
    """Refuse what the model cannot be shown: what is neither a code nor the mask id."""
    check_grid(name, token_ids, num_dims)
    codes, mask_token_id = amused.transformer.config.codebook_size, amused.transformer.mask_token_id
    is_code = (token_ids >= 0) & (token_ids < codes)
    is_foreign = ~is_code & (token_ids != mask_token_id)
    if is_foreign.any():
        at = tuple(is_foreign.nonzero()[0].tolist())
        raise UserError(
            f"{name} holds {int(token_ids[at])} at {at}; a code lies in 0..{codes - 1}, and a "
            f"hidden token is {mask_token_id}."
        )


def is_position(place: Any, grid: tuple[int, int]) -> bool:
    """Whether it is a (row, column) that lies on the grid."""
    if not isinstance(place, tuple) or [type(each) for each in place] != [int, int]:
        return False
    return all(0 <= at < side for at, side in zip(place, grid, strict=True))


def checked_positions(name: str, places: Any, grid: tuple[int, int]) -> list[Position]:
    """Positions as a list, at least one."""
    listed = list(places) if isinstance(places, Iterable) else []
    if isinstance(places, str) or not listed:
        raise UserError(f"{name}={shown(places)} holds no position; give some, as [(0, 1)].")
    for place in listed:
        check_position(name, place, grid)
    return listed


def check_position(name: str, place: Any, grid: tuple[int, int]) -> None:
    """Refuse what is no position, or off the grid."""
    if not is_position(place, grid):
        raise UserError(
            f"{name} has the position {shown(place)}; give (row, column) from (0, 0) to "
            f"({grid[0] - 1}, {grid[1] - 1})."
        )


def is_number(value: Any) -> bool:
    """Whether it is a finite number; True and False are none."""
    is_real = isinstance(value, int | float) and not isinstance(value, bool)
    return is_real and -math.inf < value < math.inf  # NaN is not
