"""What a search for a sampler maximises: one number of a few pictures, finer than right or wrong.

Dimensions: pictures.
"""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from src.data.examples import example
from src.data.oracle import Oracle
from src.data.scenes import Scene, World
from src.errors import UserError
from src.evaluation.clip_score import pair_scores
from src.evaluation.features import ClipEncoder
from src.evaluation.pixels import Pictures, stack_pixels
from src.evaluation.prompt_accuracy import PARTS, judge_all, read_pictures
from src.evaluation.suite import TEST_KINDS
from src.evaluation.tuning_config import TuningConfig


class Practice(NamedTuple):
    """Prompts to try samplers on, each with its seed; none of them judges the outcome."""

    captions: list[str]
    seeds: list[int]
    scenes: list[Scene] | None = None  # where an oracle can read the pictures
    oracle: Oracle | None = None


def practise_world(world: World, config: TuningConfig) -> tuple[Practice, Practice]:
    """Training prompts for the trials and others for the finalists; test prompts are never seen."""
    total = config.num_prompts + config.finalist_prompts
    kinds = list(TEST_KINDS.values())
    drawn = [
        example(world, config.prompt_seed, index, "train", kinds[index % len(kinds)])
        for index in range(total)
    ]
    captions, scenes = [each.caption for each in drawn], [each.scene for each in drawn]
    whole = Practice(captions, _seeds(config), scenes, Oracle(world))
    return _parted(whole, config.num_prompts)


def practise_prompts(
    prompts: Sequence[str], judging: Sequence[str], config: TuningConfig
) -> tuple[Practice, Practice]:
    """The same of any prompts, which CLIP then judges.

    judging: what the outcome is judged by. Raises UserError for a prompt that is in both, or too
    few.
    """
    common = sorted(set(prompts) & set(judging))
    if common:
        raise UserError(
            f"tuning.prompts_file and prompts_file share {len(common)} prompts, as "
            f"{common[0]!r}: what is searched on cannot judge the outcome; take it out of one."
        )
    total = config.num_prompts + config.finalist_prompts
    if len(prompts) < total:
        raise UserError(
            f"tuning.prompts_file has {len(prompts)} prompts, and the trials and finalists take "
            f"tuning.num_prompts={config.num_prompts} + tuning.finalist_prompts="
            f"{config.finalist_prompts}; give more, or smaller numbers."
        )
    return _parted(Practice(list(prompts[:total]), _seeds(config)), config.num_prompts)


def worth(
    practice: Practice, pictures: Pictures, clip: ClipEncoder
) -> Float[np.ndarray, " pictures"]:
    """How well each picture shows its prompt, 0 to 1.

    Of a scene, the mean of what the oracle can find right in it (whole scene, background, objects,
    arrangement): half of a scene is worth something, which makes small differences visible. Of
    other prompts, the CLIP score as a share.
    """
    pixels = stack_pixels(pictures)
    if practice.scenes is None:
        scores = pair_scores(
            clip.picture_features(pixels), clip.caption_features(practice.captions)
        )
        return np.asarray(scores) / 100
    verdicts = judge_all(practice.scenes, read_pictures(pixels, practice.oracle), practice.oracle)
    found = chain.from_iterable((getattr(each, part) for part in PARTS) for each in verdicts)
    return np.fromiter(found, dtype=np.float64).reshape(len(verdicts), len(PARTS)).mean(axis=1)


def measured_in(practice: Practice) -> str:
    """What 100 times `worth` is, in words."""
    return "CLIP score" if practice.scenes is None else "% of scene parts right"


def _seeds(config: TuningConfig) -> list[int]:
    total = config.num_prompts + config.finalist_prompts
    return list(range(config.first_picture_seed, config.first_picture_seed + total))


def _parted(whole: Practice, count: int) -> tuple[Practice, Practice]:
    """The first prompts, and the rest."""
    parts = slice(None, count), slice(count, None)
    one, other = (
        whole._replace(
            captions=whole.captions[part],
            seeds=whole.seeds[part],
            scenes=whole.scenes and whole.scenes[part],
        )
        for part in parts
    )
    return one, other
