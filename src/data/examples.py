"""The endless data set: example number i of a seed, the same on every machine and in any order."""

from typing import NamedTuple

import numpy as np

from src.data.captions import describe, is_test, is_train
from src.data.micro_cond import MicroCond
from src.data.render import draw_micro_cond, render
from src.data.scenes import Scene, World, draw_scene
from src.errors import UserError

SPLITS = ("train", "test", "held_out")
PATIENCE = 20_000  # draws; a split that exists at all is met within a few hundred


class Example(NamedTuple):
    picture: np.ndarray  # uint8 (height, width, 3)
    masks: np.ndarray  # float32 (objects, height, width)
    caption: str
    scene: Scene
    micro_cond: MicroCond


def example(
    world: World,
    seed: int,
    index: int,
    split: str = "train",
    num_objects: int | None = None,
    degraded_prob: float | None = None,
) -> Example:
    """Scene, caption and picture number `index`: a pure function of its arguments.

    Args:
        split: "train" and "test" part the scenes by their captions' hash and show no held-out
            colour-glyph pair; "held_out" scenes show at least one and are never trained on.
        num_objects: 1 or 2; by default two with the world's `two_objects_prob`.
        degraded_prob: share of unusual micro-conditions; by default the world's in training and 0
            elsewhere.
    """
    if split not in SPLITS:
        raise ValueError(f"split={split!r}; known are {', '.join(SPLITS)}")
    philox = np.random.Philox(key=[seed, SPLITS.index(split)], counter=index << 64)
    rng = np.random.Generator(philox)
    scene = _draw_in_split(world, split, num_objects, rng)
    if degraded_prob is None:
        degraded_prob = world.config.degraded_prob if split == "train" else 0.0
    size = world.picture_size
    is_degraded = rng.random() < degraded_prob
    micro_cond = draw_micro_cond(world, rng) if is_degraded else MicroCond.default(size, size)
    caption = describe(scene, rng)
    picture, masks = render(scene, world, micro_cond, rng)
    return Example(picture, masks, caption, scene, micro_cond)


def _draw_in_split(
    world: World, split: str, num_objects: int | None, rng: np.random.Generator
) -> Scene:
    """Draw scenes until one belongs to the split (ten to a hundred draws for the test side).

    Raises:
        UserError: none of `PATIENCE` scenes does, so the world has too little to split.
    """
    if num_objects is None:
        num_objects = 1 + int(rng.random() < world.config.two_objects_prob)
    belongs = {"train": is_train, "test": is_test}.get(split)
    for _ in range(PATIENCE):
        scene = draw_scene(world, num_objects, rng)
        if world.is_held_out(scene) != (split == "held_out"):
            continue
        if belongs is None or belongs(scene, world.config.test_ratio):
            return scene
    raise UserError(
        f"None of {PATIENCE:,} scenes with {num_objects} object(s) belongs to the split '{split}': "
        "give data.glyphs, data.colors or data.backgrounds more names, hold fewer pairs out in "
        "data.held_out, or change data.test_ratio."
    )
