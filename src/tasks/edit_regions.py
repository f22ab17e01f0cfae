"""Several prompts in one picture: people's own masks, or scenes of two objects told apart."""

import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from src.config import RunConfig
from src.data.oracle import Oracle
from src.data.scene_edits import TwoRegions, two_boxes, two_halves
from src.editing.regions import BETWEEN_PROMPTS, Region
from src.editing.sources import WHITE
from src.errors import UserError
from src.evaluation.measurement import Measurement
from src.evaluation.preservation import num_changed_outside
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

HALVES, BOXES = "halves of a new picture", "two places in a picture"


def run(config: RunConfig, folder: Path) -> None:
    """Draw the given regions; without any, those of scenes, and count."""
    editing = config.editing
    if editing.masks:
        edit_own(config, folder, lambda *asked: _own(config, *asked), 1)
        return
    check_scenes(config, "editing.masks")
    started = time.perf_counter()
    model = open_model(config)
    world, count = world_of(model, config), editing.num_scenes
    asked = {
        HALVES: [two_halves(world, config.seed, index) for index in range(count)],
        BOXES: [two_boxes(world, config.seed, index) for index in range(count)],
    }
    drawn: dict[str, list[np.ndarray]] = {kind: [] for kind in asked}
    with countdown("Drawing regions", 2 * count) as done:
        for kind, of_kind in asked.items():
            for index, each in enumerate(of_kind):
                drawn[kind].append(edited(model, config, each, config.seed + index, kind == BOXES))
                done(1)
    oracle = Oracle(world)
    rows = [row for kind in asked for row in rows_of(kind, asked[kind], drawn[kind], oracle)]
    boxes = asked[BOXES]
    kept = [
        num_changed_outside(picture, each.source.picture, np.logical_or(*each.masks))
        for picture, each in zip(drawn[BOXES], boxes, strict=True)
    ]
    sources = [each.source.picture for each in boxes]
    outcome = Outcome(
        measurements=[*rows, most_of("most pixels changed outside", kept, BOXES)],
        figures=_galleries(asked, drawn),
        weights={"model": short_hash(model)},
        seeds={"scenes": config.seed, "pictures": f"{config.seed} + the scene's number"},
        device=str(model.device),
        data_hash=hash_of_told(sources, [_told(each) for some in asked.values() for each in some]),
    )
    deliver(outcome, config, folder, time.perf_counter() - started)


def edited(model, config: RunConfig, asked: TwoRegions, seed: int, has_picture: bool) -> np.ndarray:
    """Both prompts drawn, each into its own mask."""
    regions = [Region(*pair) for pair in zip(asked.prompts, asked.masks, strict=True)]
    image = Image.fromarray(asked.source.picture) if has_picture else None
    return np.asarray(model.edit_regions(image, regions, seeds=[seed], **how_of(config)).images[0])


def rows_of(
    kind: str, asked: list[TwoRegions], pictures: list[np.ndarray], oracle: Oracle
) -> list[Measurement]:
    """Whether each region shows its object, with its middle in the region."""
    seen = [oracle.read(picture) for picture in pictures]
    pairs = list(zip(seen, asked, strict=True))
    right = [
        [
            any(
                found.looks == each.objects[which].looks
                and each.masks[which][tuple(int(middle) for middle in found.center)]
                for found in reading.objects
            )
            for reading, each in pairs
        ]
        for which in range(2)
    ]
    both = [one and other for one, other in zip(*right, strict=True)]
    return [
        share_of("first region right", right[0], kind, "its prompt's object, its middle inside"),
        share_of("second region right", right[1], kind, "its prompt's object, its middle inside"),
        share_of("both regions right", both, kind),
    ]


def _galleries(asked: dict[str, list[TwoRegions]], drawn: dict[str, list[np.ndarray]]) -> dict:
    """What is repainted in both kinds; a new picture begins with nothing, its first half marked."""
    halves, boxes = asked[HALVES], asked[BOXES]
    nothing = [np.full_like(each.source.picture, WHITE) for each in halves]
    firsts = [each.masks[0] for each in halves]
    both = [np.logical_or(*each.masks) for each in boxes]
    sources = [each.source.picture for each in boxes]
    told = {kind: [_told(each) for each in of_kind] for kind, of_kind in asked.items()}
    title = f"{HALVES}, the first prompt's marked"
    return {
        "halves.png": edit_gallery(nothing, firsts, {"drawn": drawn[HALVES]}, told[HALVES], title),
        "boxes.png": edit_gallery(sources, both, {"drawn": drawn[BOXES]}, told[BOXES], BOXES),
    }


def _told(asked: TwoRegions) -> str:
    return BETWEEN_PROMPTS.join(asked.prompts)


def _own(config: RunConfig, model, prompts: list[str], how: dict[str, Any]):
    editing = config.editing
    if len(prompts) != len(editing.masks):
        raise UserError(
            f"there are {len(prompts)} prompts for {len(editing.masks)} of editing.masks: give one "
            "each"
        )
    weights = editing.weights or [None] * len(prompts)
    if len(weights) != len(prompts):
        raise UserError(
            f"editing.weights has {len(weights)} numbers for {len(prompts)} regions: give one each"
        )
    regions = [Region(*told) for told in zip(prompts, editing.masks, weights, strict=True)]
    negative = how["negative_prompts"]
    if negative is not None and len(set(negative)) > 1:
        raise UserError(
            f"there are {len(negative)} negative_prompts, and all regions of a picture share one: "
            "give one"
        )
    how = how | {"negative_prompts": negative and negative[0]}
    generation = model.edit_regions(editing.images or None, regions, feather=editing.feather, **how)
    each = config.num_images_per_prompt
    if editing.images:
        return generation, sources_of(editing.images, 1, each)
    size = generation.images[0].size
    return generation, [np.full((size[1], size[0], 3), WHITE, dtype=np.uint8)] * each
