"""Zero-shot video: the first frame's tokens moved across the grid, and mended by the model.

Frame 0 is a picture like any other. Frame k is frame 0 moved by k times the motion, to the nearest
token: what moved into sight is hidden, and a share of the other tokens too, so that the model
mends the frame. All frames of a video share their seed, so that what does not change is drawn with
the same numbers.

The report's variant fills what moved into sight with the last code of the codebook instead of
hiding it. Source: the aMUSEd report and its text-to-video code; Khachatryan et al. 2023.

Dimensions: batch (videos), height, width (in tokens).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from jaxtyping import Int
from PIL.Image import Image
from torch import Tensor

from src.conditioning.prompts import Prompts
from src.editing.config import MOST_FRAMES, MOST_MOTION
from src.editing.scattered import scattered
from src.errors import UserError, shown
from src.filling import Asked, System, all_hidden, ask, fill, how_from, mask_id, whole_size
from src.generation import Edited, Generation
from src.image_tokenizer.pictures import decode_pixels, to_images
from src.sampler.one_picture import FOR_START

LATER_SCHEDULE = "linear"
OWN = ("prompts", "num_frames", "motion", "hidden_share", "height", "width")


class Video(NamedTuple):
    """Frames in order; in each of them a picture a video."""

    frames: list[Generation]
    motion: tuple[float, float]  # pixels to the right and down from frame to frame

    def images(self, index: Any = 0) -> list[Image]:
        """The frames of one video; raises UserError for one that is not there."""
        count = len(self.frames[0].images)
        if type(index) is not int or not 0 <= index < count:
            raise UserError(f"index={shown(index)} is not there: the videos are 0 to {count - 1}.")
        return [frame.images[index] for frame in self.frames]


def video(
    system: System,
    prompts: Prompts,
    num_frames: Any,
    motion: Any,
    hidden_share: Any,
    told: Mapping[str, Any],
) -> Video:
    """See `Amused.video`."""
    _check(num_frames, motion, hidden_share)
    told = dict(told)
    size = whole_size(system, told.pop("width", None), told.pop("height", None))
    asked = ask(system, prompts, size, how_from(told, "video", OWN))
    if asked.recipe.seeds is None:
        raise UserError("a video takes seeds, one a prompt, and no generator")
    first = _frame(system, asked, all_hidden(system, asked))
    later = asked._replace(
        recipe=replace(asked.recipe, sampler=replace(asked.recipe.sampler, schedule=LATER_SCHEDULE))
    )
    frames = [first._replace(edited=None)]
    for number in range(1, num_frames):
        right, down = (
            math.floor(number * each / system.image_tokenizer.downscale + 0.5) for each in motion
        )
        start = moved(first.token_ids, right, down, mask_id(system))
        is_hidden = start == mask_id(system)
        is_hidden |= scattered(~is_hidden, hidden_share, asked.recipe.seeds, FOR_START)
        frames.append(_frame(system, later, start.masked_fill(is_hidden, mask_id(system))))
    return Video(frames, tuple(motion))


def moved(
    token_ids: Int[Tensor, "batch height width"], right: int, down: int, mask_token_id: int
) -> Int[Tensor, "batch height width"]:
    """The grid moved by whole tokens; hidden where nothing was moved to."""
    _, height, width = token_ids.shape
    after = torch.full_like(token_ids, mask_token_id)
    if abs(right) >= width or abs(down) >= height:
        return after
    (to_rows, from_rows), (to_columns, from_columns) = _along(down, height), _along(right, width)
    after[:, to_rows, to_columns] = token_ids[:, from_rows, from_columns]
    return after


def _along(by: int, side: int) -> tuple[slice, slice]:
    """Where tokens of one axis come to lie, and where they lay."""
    return slice(max(by, 0), side + min(by, 0)), slice(max(-by, 0), side + min(-by, 0))


def _frame(
    system: System, asked: Asked, start_token_ids: Int[Tensor, "batch height width"]
) -> Generation:
    trace = fill(system, asked, start_token_ids)
    images = to_images(decode_pixels(system.image_tokenizer, trace.token_ids[-1]))
    is_hidden = (start_token_ids == mask_id(system)).cpu()
    everywhere = torch.ones((len(images), images[0].height, images[0].width), dtype=torch.bool)
    edited = Edited(images, is_hidden, everywhere)
    kept, recipe = trace if asked.how.record else None, asked.recipe
    return Generation(images, trace.token_ids[-1], recipe.seeds, kept, recipe, edited)


def _check(num_frames: Any, motion: Any, hidden_share: Any) -> None:
    if type(num_frames) is not int or not 1 <= num_frames <= MOST_FRAMES:
        raise UserError(
            f"num_frames={shown(num_frames)} is impossible; give a whole number from 1 to "
            f"{MOST_FRAMES:,}."
        )
    fits = isinstance(motion, Sequence) and not isinstance(motion, str | bytes) and len(motion) == 2
    if not fits or not all(
        type(each) in (int, float) and math.isfinite(each) and abs(each) <= MOST_MOTION
        for each in motion
    ):
        raise UserError(
            f"motion={shown(motion)} is impossible; give pixels to the right and down, as (12, 0)."
        )
    if type(hidden_share) not in (int, float) or not 0 <= hidden_share <= 1:
        raise UserError(
            f"hidden_share={shown(hidden_share)} is impossible; give a number from 0 to 1."
        )
