"""Image variation: people's own pictures, or scenes told another object, by strength."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from src.config import RunConfig
from src.data.oracle import Oracle
from src.data.scene_edits import Replacement, replacement
from src.evaluation.measurement import Measurement
from src.evaluation.psnr import psnr
from src.report.edits import edit_gallery
from src.tasks.countdown import countdown
from src.tasks.drawing import short_hash
from src.tasks.edit_own import edit_own
from src.tasks.edit_scores import mean_of, share_of
from src.tasks.inpaint import sources_of
from src.tasks.inputs import open_model
from src.tasks.outcome import Outcome, deliver
from src.tasks.real_scenes import hash_of_told, world_of
from src.tasks.scene_edits import check_scenes, how_of

USUAL_STRENGTH = 0.5  # published


def run(config: RunConfig, folder: Path) -> None:
    """Vary the given pictures; without any, scenes at every strength, and count."""
    editing = config.editing
    if editing.images:
        count = max(len(editing.images), len(config.prompts))
        edit_own(config, folder, lambda *asked: _own(config, count, *asked), count)
        return
    check_scenes(config, "editing.images")
    started = time.perf_counter()
    model = open_model(config)
    world = world_of(model, config)
    asked = [replacement(world, config.seed, index) for index in range(editing.num_scenes)]
    columns: dict[str, list[np.ndarray]] = {}
    with countdown("Varying", len(asked) * len(editing.strengths)) as done:
        for strength in editing.strengths:
            pictures = []
            for index, each in enumerate(asked):
                source, seeds = Image.fromarray(each.source.picture), [config.seed + index]
                drawn = model.vary(source, each.prompt, strength, seeds=seeds, **how_of(config))
                pictures.append(np.asarray(drawn.images[0]))
                done(1)
            columns[f"strength {strength:g}"] = pictures
    sources, prompts = [each.source.picture for each in asked], [each.prompt for each in asked]
    oracle = Oracle(world)
    rows = [row for name, drawn in columns.items() for row in rows_of(name, drawn, asked, oracle)]
    everywhere = [np.ones(each.shape[:2], dtype=np.bool_) for each in sources]
    outcome = Outcome(
        measurements=rows,
        figures={"gallery.png": edit_gallery(sources, everywhere, columns, prompts)},
        weights={"model": short_hash(model)},
        seeds={"scenes": config.seed, "pictures": f"{config.seed} + the scene's number"},
        device=str(model.device),
        data_hash=hash_of_told(sources, prompts),
    )
    deliver(outcome, config, folder, time.perf_counter() - started)


def rows_of(
    name: str, pictures: list[np.ndarray], asked: list[Replacement], oracle: Oracle
) -> list[Measurement]:
    """How much of the prompt, and how much of the picture, is in variations of one strength."""
    pairs = list(zip(pictures, asked, strict=True))
    obeyed = [oracle.judge(each.scene, picture).whole_scene for picture, each in pairs]
    kept = [oracle.judge(each.source.scene, picture).whole_scene for picture, each in pairs]
    before, after = (
        torch.from_numpy(np.stack(some)).permute(0, 3, 1, 2).float() / 255
        for some in ([each.source.picture for each in asked], pictures)
    )
    return [
        share_of("the scene of the prompt", obeyed, name),
        share_of("the scene of the picture", kept, name),
        mean_of("PSNR to the picture, dB", psnr(before, after).tolist(), name, "100 = equal", True),
    ]


def _own(config: RunConfig, count: int, model, prompts: list[str], how: dict[str, Any]):
    editing = config.editing
    strength = USUAL_STRENGTH if editing.strength is None else editing.strength
    generation = model.vary(editing.images, prompts, strength, editing.mode, **how)
    return generation, sources_of(editing.images, count, config.num_images_per_prompt)
