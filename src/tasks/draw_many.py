"""Many pictures by one process or several, the same ones: whole passes are dealt out."""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from PIL import Image

from src.config import RunConfig
from src.errors import UserError
from src.tasks.drawing import generate_pictures
from src.tasks.inputs import open_model

AT_ONCE = 8  # prompts a call, or a whole pass; changes no number
Call = tuple[list[str], list[int]]  # prompts and seeds that are drawn together


def draw_many(
    model,
    config: RunConfig,
    asked: Sequence[tuple[list[str], int]],
    told: Callable[[int], None] = lambda num_pictures: None,
) -> list[list[Image.Image]]:
    """A picture of every prompt, in lists as they were asked for.

    `evaluation.pictures_per_pass` go through the model at once, never of two lists; with
    `evaluation.num_processes` each of them opens the model for itself, on one thread.

    Args:
        asked: lists of prompts, each with the seed of its first picture; seeds count up from it.
        told: called with the number of pictures that have just been drawn.

    Raises:
        UserError: a process ended before its work, as where memory is short.
    """
    each = config.evaluation.pictures_per_pass
    calls = [_calls(prompts, first_seed, each) for prompts, first_seed in asked]
    flat = [call for of_list in calls for call in of_list]
    drawn = iter(_drawn(model, config, flat, told))
    return [[image for _ in of_list for image in next(drawn)] for of_list in calls]


def _calls(prompts: list[str], first_seed: int, each: int) -> list[Call]:
    size = each * max(1, AT_ONCE // each)
    return [
        (part := prompts[start : start + size], [first_seed + start + i for i in range(len(part))])
        for start in range(0, len(prompts), size)
    ]


def _drawn(
    model, config: RunConfig, calls: list[Call], told: Callable[[int], None]
) -> list[list[Image.Image]]:
    num_processes, drawn = config.evaluation.num_processes, []
    if num_processes == 1:
        usual = model.pictures_per_pass
        model.pictures_per_pass = config.evaluation.pictures_per_pass
        try:
            for call in calls:
                drawn.append(generate_pictures(model, config, *call).images)
                told(len(drawn[-1]))
        finally:
            model.pictures_per_pass = usual
        return drawn
    afresh = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    try:
        with ProcessPoolExecutor(num_processes, afresh, _open, (config,)) as pool:
            for images in pool.map(_draw, calls):
                drawn.append(images)
                told(len(images))
    except BrokenProcessPool as error:
        raise UserError(
            f"One of evaluation.num_processes={num_processes} ended before its work, perhaps for "
            "want of memory: give fewer."
        ) from error
    return drawn


_opened = {}  # in a process of the pool: its configuration and model


def _open(config: RunConfig) -> None:
    import torch

    torch.set_num_threads(1)
    model = open_model(config)
    model.pictures_per_pass = config.evaluation.pictures_per_pass
    _opened.update(config=config, model=model)


def _draw(call: Call) -> list[Image.Image]:
    return generate_pictures(_opened["model"], _opened["config"], *call).images
