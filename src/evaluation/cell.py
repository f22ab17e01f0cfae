"""One cell of an ablation: what every cell is asked, and what came out picture by picture.

All cells of a sweep are asked the same prompts with the same seeds (common random numbers), so that
cells are compared picture by picture. Dimensions: pictures.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from src.data.examples import example
from src.data.oracle import Oracle
from src.data.scenes import Scene, World
from src.errors import UserError
from src.evaluation.clip_score import clip_score, pair_scores
from src.evaluation.config import EvaluationConfig
from src.evaluation.features import ClipEncoder
from src.evaluation.intervals import bootstrap_interval
from src.evaluation.measurement import Measurement
from src.evaluation.pixels import stack_pixels
from src.evaluation.prompt_accuracy import judge_all, prompt_accuracy, read_pictures
from src.evaluation.suite import GENERATED, TEST_KINDS, draw_reference, evaluate_pictures

RIGHT, SCORE, PASSES, SECONDS = "right", "clip_score", "passes", "seconds"  # columns of a cell


class Asked(NamedTuple):
    """The prompts of every cell, each with its seed."""

    captions: list[str]
    kinds: list[str]  # "one object"; "" for prompts of a file
    seeds: list[int]
    hash: str  # of the prompts, and of the real scenes where there are some
    scenes: list[Scene] | None = None  # what each prompt asks for, where an oracle can read it
    reference: np.ndarray | None = None  # real scenes for the distance
    oracle: Oracle | None = None


class Drawn(NamedTuple):
    """One picture a prompt, and what it took."""

    pictures: list[Image.Image]
    passes: list[float]  # through the model; two where guidance needs both
    seconds: list[float]


def ask_world(world: World, config: EvaluationConfig) -> Asked:
    """The test prompts of a world of scenes, one object and two."""
    examples = [
        (kind, example(world, config.prompt_seed, index, "test", num_objects))
        for kind, num_objects in TEST_KINDS.items()
        for index in range(config.prompts_per_kind)
    ]
    captions = [each.caption for _, each in examples]
    reference = draw_reference(world, config)
    return Asked(
        captions,
        [kind for kind, _ in examples],
        _seeds(len(captions), config),
        _hash(captions, reference.tobytes()),
        [each.scene for _, each in examples],
        reference,
        Oracle(world),
    )


def ask_prompts(prompts: Sequence[str], config: EvaluationConfig) -> Asked:
    """Any prompts: no oracle can tell whether a picture is right, and no real scene is known.

    Raises UserError for a single prompt, which makes no interval.
    """
    if len(prompts) < 2:
        raise UserError(f"{len(prompts)} prompt makes no comparison: give two at least.")
    return Asked(list(prompts), [""] * len(prompts), _seeds(len(prompts), config), _hash(prompts))


def measure_cell(
    asked: Asked, drawn: Drawn, clip: ClipEncoder, config: EvaluationConfig
) -> tuple[list[Measurement], dict[str, list[Any]]]:
    """The cell's numbers, and its columns picture by picture."""
    pixels = stack_pixels(drawn.pictures)
    scores = pair_scores(clip.picture_features(pixels), clip.caption_features(asked.captions))
    columns: dict[str, list[Any]] = {
        "prompt": asked.captions,
        "kind": asked.kinds,
        "seed": asked.seeds,
    }
    measurements = []
    if asked.scenes is not None:
        verdicts = judge_all(asked.scenes, read_pictures(pixels, asked.oracle), asked.oracle)
        columns[RIGHT] = [each.whole_scene for each in verdicts]
        for kind in ("all prompts", *dict.fromkeys(asked.kinds)):
            own = [
                each
                for each, its_kind in zip(verdicts, asked.kinds, strict=True)
                if kind in (its_kind, "all prompts")
            ]
            measurements.append(prompt_accuracy(own, kind, confidence=config.confidence))
    rng = np.random.default_rng(config.prompt_seed)
    if asked.reference is None:
        found = [clip_score(pixels, asked.captions, clip, rng, GENERATED, config.confidence)]
    else:
        found = evaluate_pictures(
            pixels, asked.captions, asked.reference, clip, rng, GENERATED, config.confidence
        )
    columns |= {SCORE: scores.tolist(), PASSES: drawn.passes, SECONDS: drawn.seconds}
    costs = [_cost(name, columns[name], config) for name in (PASSES, SECONDS)]
    return [*measurements, *found, *costs], columns


def _cost(name: str, values: Sequence[float], config: EvaluationConfig) -> Measurement:
    """The mean of what a picture takes, with its interval where it varies."""
    numbers = np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng(config.prompt_seed)
    low, high = bootstrap_interval(numbers, rng, config.confidence)
    return Measurement(
        f"{name} a picture",
        float(numbers.mean()),
        len(numbers),
        low if np.ptp(numbers) else None,
        high if np.ptp(numbers) else None,
        is_higher_better=False,
    )


def _seeds(num_prompts: int, config: EvaluationConfig) -> list[int]:
    return list(range(config.first_picture_seed, config.first_picture_seed + num_prompts))


def _hash(captions: Sequence[str], reference: bytes = b"") -> str:
    digest = hashlib.sha256(reference)
    digest.update("\n".join(captions).encode())
    return digest.hexdigest()[:12]
