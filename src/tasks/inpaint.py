"""Inpainting: people's own pictures, or scenes in which one object is to become another."""

import time
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from src.config import RunConfig
from src.data.oracle import Oracle, Reading
from src.data.scene_edits import Replacement, box, replacement
from src.data.scenes import SceneObject
from src.editing.sources import open_masks, open_sources
from src.evaluation.inside import clip_score_inside
from src.evaluation.measurement import Measurement
from src.evaluation.preservation import num_changed_outside, outside_psnr
from src.evaluation.seam import seam_score
from src.evaluation.suite import open_clip
from src.generation import Generation
from src.report.edits import edit_gallery
from src.tasks.countdown import countdown
from src.tasks.drawing import short_hash
from src.tasks.edit_own import edit_own
from src.tasks.edit_scores import mean_of, most_of, share_of
from src.tasks.inputs import open_model
from src.tasks.outcome import Outcome, deliver
from src.tasks.real_scenes import hash_of_told, world_of
from src.tasks.scene_edits import check_scenes, how_of

EXACT, UPSTREAM, PASTED = "exact", "upstream", "pasted in"  # that: drawn from scratch
USUAL_STRENGTH = 1.0


class Told(NamedTuple):
    """What is known of one edit of one kind."""

    picture: np.ndarray
    is_replaced: bool
    is_other_kept: bool | None  # None: the mask reaches into the other object
    num_changed: int  # pixels outside the mask
    psnr: float  # outside, dB
    seam: float  # levels more than in the real scene


def run(config: RunConfig, folder: Path) -> None:
    """Edit the given pictures; without any, replace objects of scenes, and count."""
    editing = config.editing
    if editing.images:
        count = max(len(editing.images), len(editing.masks), len(config.prompts))
        edit_own(config, folder, lambda *asked: _own(config, count, *asked), count)
        return
    check_scenes(config, "editing.images")
    started = time.perf_counter()
    model = open_model(config)
    world = world_of(model, config)
    asked = [replacement(world, config.seed, index) for index in range(editing.num_scenes)]
    oracle, told = Oracle(world), defaultdict(list)
    with countdown("Inpainting", len(asked)) as done:
        for index, each in enumerate(asked):
            for kind, picture in edits(model, config, each, config.seed + index).items():
                told[kind].append(judged(picture, each, oracle))
            done(1)
    pictures = {kind: [one.picture for one in of_kind] for kind, of_kind in told.items()}
    sources, masks = [each.source.picture for each in asked], [each.is_painted for each in asked]
    clip, prompts = open_clip(config.evaluation, str(model.device)), [each.prompt for each in asked]
    scores = [
        clip_score_inside(of_kind, masks, prompts, clip, np.random.default_rng(0), subject=kind)
        for kind, of_kind in pictures.items()
    ]
    outcome = Outcome(
        measurements=[*(row for kind in told for row in rows_of(kind, told[kind])), *scores],
        figures={"gallery.png": edit_gallery(sources, masks, pictures, prompts)},
        weights={"model": short_hash(model), clip.name: clip.weights_hash},
        seeds={"scenes": config.seed, "pictures": f"{config.seed} + the edit's number"},
        device=str(model.device),
        data_hash=hash_of_told(sources, prompts),
    )
    deliver(outcome, config, folder, time.perf_counter() - started)


def edits(model, config: RunConfig, asked: Replacement, seed: int) -> dict[str, np.ndarray]:
    """The same edit by our rules and by upstream's, and a new picture pasted into the mask."""
    how = how_of(config)
    source = Image.fromarray(asked.source.picture)
    where = (source, asked.is_painted, asked.prompt, strength_of(config))
    around = {"feather": config.editing.feather, "halo": config.editing.halo}
    exact = model.inpaint(*where, seeds=[seed], **around, **how)
    generator = torch.Generator().manual_seed(seed)
    upstream = model.inpaint(*where, "upstream", generator=generator, **how)
    scratch = np.asarray(model.generate(asked.prompt, seeds=[seed], **how).images[0])
    return {
        EXACT: np.asarray(exact.images[0]),
        UPSTREAM: np.asarray(upstream.images[0]),
        PASTED: np.where(asked.is_painted[..., None], scratch, asked.source.picture),
    }


def strength_of(config: RunConfig) -> float:
    """That of the settings, or the usual one, at which nothing below the mask is left."""
    strength = config.editing.strength
    return USUAL_STRENGTH if strength is None else strength


def judged(picture: np.ndarray, asked: Replacement, oracle: Oracle) -> Told:
    """Hold an edited scene against what was asked."""
    reading, real, mask = oracle.read(picture), asked.source.picture, asked.is_painted
    is_kept = None
    if not asked.touches_other:
        place = box(oracle.world, asked.other, 0)
        is_kept = shows(reading, asked.other) and np.array_equal(picture[place], real[place])
    return Told(
        picture,
        shows(reading, asked.new),
        is_kept,
        num_changed_outside(picture, real, mask),
        outside_psnr(picture, real, mask),
        seam_score(picture, real, mask),
    )


def shows(reading: Reading, thing: SceneObject) -> bool:
    """Whether an object of these looks is seen, wherever."""
    return thing.looks in [seen.looks for seen in reading.objects]


def rows_of(kind: str, told: list[Told]) -> list[Measurement]:
    """The numbers of one kind of edit."""
    kept = [each.is_other_kept for each in told if each.is_other_kept is not None]
    note = "read by the oracle, every pixel of its cells the same; where the mask touches none"
    return [
        share_of("the asked object is there", [each.is_replaced for each in told], kind),
        *([share_of("the other object untouched", kept, kind, note)] if kept else []),
        most_of("most pixels changed outside", [each.num_changed for each in told], kind),
        mean_of("PSNR outside, dB", [each.psnr for each in told], kind, "100 = equal", True),
        mean_of("seam score", [each.seam for each in told], kind, "levels; 0 = as the real scene"),
    ]


def _own(config: RunConfig, count: int, model, prompts: list[str], how: dict[str, Any]):
    editing, strength = config.editing, strength_of(config)
    around = {"feather": editing.feather, "halo": editing.halo}
    given = (editing.images, editing.masks, prompts, strength, editing.mode)
    generation = model.inpaint(*given, **around, **how)
    if editing.mode == "upstream":
        generation = held_against_masks(generation, editing.masks)
    return generation, sources_of(editing.images, count, config.num_images_per_prompt)


def held_against_masks(generation: Generation, masks: list[str]) -> Generation:
    """With the masks as what was to be painted: upstream changes pixels everywhere."""
    opened, size = open_masks(masks), generation.images[0].size
    if opened[0].shape != (size[1], size[0]):  # sides were cut to whole tokens
        return generation
    each = len(generation.images) // len(opened)
    painted = torch.from_numpy(np.stack([mask for mask in opened for _ in range(each)]))
    return generation._replace(edited=generation.edited._replace(is_painted=painted))


def sources_of(images: list[str], count: int, num_each: int) -> list[np.ndarray]:
    """The input of every picture, as it was opened."""
    sources = [each.pixels for each in open_sources(images)]
    sources = sources * (count if len(sources) == 1 else 1)
    return [each for each in sources for _ in range(num_each)]
