"""Pictures of test prompts to numbers: Fréchet distance, CLIP score, and what the oracle reads."""

import hashlib
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from src.config import RunConfig
from src.data.examples import Example
from src.data.oracle import Oracle
from src.data.scenes import World
from src.errors import UserError
from src.evaluation.features import ClipEncoder
from src.evaluation.measurement import Measurement
from src.evaluation.suite import (
    check_counts,
    draw_prompts,
    draw_reference,
    evaluate_prompts,
    open_clip,
)
from src.report.grid import picture_grid
from src.tasks.countdown import countdown
from src.tasks.draw_many import draw_many
from src.tasks.drawing import short_hash
from src.tasks.inputs import open_model
from src.tasks.outcome import Outcome, deliver, targets

SHOWN = 24  # pictures of the figure


class Evaluated(NamedTuple):
    """What one model drew for the test prompts, and what was measured on it."""

    prompts: dict[str, list[Example]]  # by kind
    pictures: dict[str, list[Image.Image]]  # one a prompt
    measurements: list[Measurement]
    clip: ClipEncoder
    oracle: Oracle
    data_hash: str


def run(config: RunConfig, folder: Path) -> None:
    """Evaluate the model on every kind of test prompt; table, figure, page and record."""
    started = time.perf_counter()
    targets(config, folder)  # one that cannot be written to is refused before the work
    model = open_model(config)
    evaluated = evaluate_model(model, config)
    outcome = Outcome(
        measurements=evaluated.measurements,
        figures={"test_prompts.png": judged_figure(evaluated)},
        weights={"model": short_hash(model), evaluated.clip.name: evaluated.clip.weights_hash},
        seeds=evaluation_seeds(config),
        device=str(model.device),
        data_hash=evaluated.data_hash,
    )
    deliver(outcome, config, folder, time.perf_counter() - started)


def evaluate_model(model, config: RunConfig) -> Evaluated:
    """Draw the prompts, generate one picture each, and measure."""
    world = World(config.data)
    if (model.height, model.width) != (world.picture_size, world.picture_size):
        raise UserError(
            f"model={config.model} draws {model.width}x{model.height} pixels, and the test prompts "
            f"are about scenes of {world.picture_size}: give the data that it was trained on."
        )
    clip = open_clip(config.evaluation, str(model.device))
    check_counts(config.evaluation, clip)
    prompts = draw_prompts(world, config.evaluation)
    reference = draw_reference(world, config.evaluation)
    first_seed = config.evaluation.first_picture_seed
    asked = [([each.caption for each in of_kind], first_seed) for of_kind in prompts.values()]
    with countdown("Generating", sum(len(captions) for captions, _ in asked)) as told:
        pictures = dict(zip(prompts, draw_many(model, config, asked, told), strict=True))
    oracle = Oracle(world)
    measurements = evaluate_prompts(pictures, prompts, reference, clip, oracle, config.evaluation)
    digest = hashlib.sha256(reference.tobytes())
    digest.update("\n".join(each.caption for kind in prompts.values() for each in kind).encode())
    return Evaluated(prompts, pictures, measurements, clip, oracle, digest.hexdigest()[:12])


def judged_figure(evaluated: Evaluated):
    """As many pictures of every kind, each marked by the oracle's verdict."""
    each_kind = SHOWN // len(evaluated.prompts)
    examples = [one for kind in evaluated.prompts.values() for one in kind[:each_kind]]
    pictures = [one for kind in evaluated.pictures.values() for one in kind[:each_kind]]
    is_right = [
        evaluated.oracle.judge(example.scene, np.asarray(picture)).whole_scene
        for example, picture in zip(examples, pictures, strict=True)
    ]
    captions = [example.caption for example in examples]
    return picture_grid(pictures, captions, columns=6, is_right=is_right, title="Test prompts")


def evaluation_seeds(config: RunConfig) -> dict[str, int]:
    """The seeds that decide an evaluation."""
    settings = config.evaluation
    return {
        "prompts": settings.prompt_seed,
        "reference": settings.reference_seed,
        "first picture of a kind": settings.first_picture_seed,
    }
