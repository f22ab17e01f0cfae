"""Outpainting: people's own pictures, or halves of scenes whose other half is told."""

import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from src.config import RunConfig
from src.data.oracle import Oracle
from src.data.scene_edits import Extension, extension
from src.editing.config import EditingConfig
from src.evaluation.preservation import num_changed_outside
from src.generation import Generation
from src.report.edits import edit_gallery
from src.tasks.countdown import countdown
from src.tasks.drawing import short_hash
from src.tasks.edit_own import edit_own
from src.tasks.edit_scores import most_of, share_of
from src.tasks.inpaint import sources_of
from src.tasks.inputs import open_model
from src.tasks.outcome import Outcome, deliver
from src.tasks.real_scenes import hash_of_told, world_of
from src.tasks.scene_edits import check_scenes, how_of

SUBJECT = "half a scene, outpainted"
SIDES = ("left", "right", "top", "bottom")


def run(config: RunConfig, folder: Path) -> None:
    """Grow the given pictures; without any, halves of scenes, and count."""
    editing = config.editing
    if editing.images:
        count = max(len(editing.images), len(config.prompts))
        edit_own(config, folder, lambda *asked: _own(config, *asked), count)
        return
    check_scenes(config, "editing.images")
    started = time.perf_counter()
    model = open_model(config)
    world = world_of(model, config)
    asked = [extension(world, config.seed, index) for index in range(editing.num_scenes)]
    pictures = []
    with countdown("Outpainting", len(asked)) as done:
        for index, each in enumerate(asked):
            pictures.append(grown(model, config, each, config.seed + index))
            done(1)
    oracle, sources = Oracle(world), [each.source.picture for each in asked]
    pairs = list(zip(pictures, asked, strict=True))
    changed = [
        num_changed_outside(picture, each.source.picture, ~each.known) for picture, each in pairs
    ]
    outcome = Outcome(
        measurements=[
            share_of(
                "the asked object in the new half",
                [is_in_new_half(oracle, picture, each) for picture, each in pairs],
                SUBJECT,
            ),
            share_of(
                "whole scene right",
                [oracle.judge(each.source.scene, picture).whole_scene for picture, each in pairs],
                SUBJECT,
            ),
            most_of("most pixels changed in the known half", changed, SUBJECT),
        ],
        figures={
            "gallery.png": edit_gallery(
                sources,
                [~each.known for each in asked],
                {"outpainted": pictures},
                [each.prompt for each in asked],
            )
        },
        weights={"model": short_hash(model)},
        seeds={"scenes": config.seed, "pictures": f"{config.seed} + the scene's number"},
        device=str(model.device),
        data_hash=hash_of_told(sources, [each.prompt for each in asked]),
    )
    deliver(outcome, config, folder, time.perf_counter() - started)


def grown(model, config: RunConfig, asked: Extension, seed: int) -> np.ndarray:
    """The scene's known half alone, with the other half drawn beside it."""
    sides = ("left", "right") if asked.is_beside else ("top", "bottom")
    rows, columns = (asked.known.any(axis=axis) for axis in (1, 0))
    known = asked.source.picture[rows][:, columns]
    by = known.shape[1] if asked.is_beside else known.shape[0]
    added = {sides[asked.is_first_known]: by}
    image = Image.fromarray(known)
    drawn = model.outpaint(image, asked.prompt, seeds=[seed], **added, **how_of(config))
    return np.asarray(drawn.images[0])


def is_in_new_half(oracle: Oracle, picture: np.ndarray, asked: Extension) -> bool:
    """Whether an object of the asked looks is seen with its middle in the half that was drawn."""
    axis, middle = (1 if asked.is_beside else 0), (oracle.world.picture_size - 1) / 2
    return any(
        seen.looks == asked.new.looks and (seen.center[axis] > middle) == asked.is_first_known
        for seen in oracle.read(picture).objects
    )


def sides_of(editing: EditingConfig) -> dict[str, int | float]:
    """From 1 on pixels, below 1 a share of the side, as `Amused.outpaint` takes them."""
    given = {side: getattr(editing, side) for side in SIDES}
    return {side: int(by) if by >= 1 else float(by) for side, by in given.items()}


def _own(config: RunConfig, model, prompts: list[str], how: dict[str, Any]):
    editing = config.editing
    generation = model.outpaint(editing.images, prompts, **sides_of(editing), **how)
    return generation, canvases(config, generation)


def canvases(config: RunConfig, generation: Generation) -> list[np.ndarray]:
    """The canvases before anything was drawn: the pictures as they were opened, on white."""
    count = len(generation.images) // config.num_images_per_prompt
    sources = sources_of(config.editing.images, count, config.num_images_per_prompt)
    known = (~generation.edited.is_painted).numpy()
    grown = []
    for source, is_known in zip(sources, known, strict=True):
        canvas = np.full((*is_known.shape, source.shape[2]), 255, dtype=np.uint8)
        canvas[is_known] = source.reshape(-1, source.shape[2])
        grown.append(canvas)
    return grown
