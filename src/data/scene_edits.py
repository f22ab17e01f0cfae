"""Edits of scenes whose right answer is known: what to repaint, what to say, what should come out.

Each is a pure function of world, seed and number. Dimensions: rows, columns (of pixels); positions
and sizes of objects in cells.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from src.data.captions import describe
from src.data.examples import Example, example
from src.data.scenes import Scene, SceneObject, World
from src.errors import UserError


class Replacement(NamedTuple):
    """One of two objects is to become another one."""

    source: Example
    is_painted: Bool[np.ndarray, "rows columns"]
    prompt: str
    scene: Scene  # that the prompt tells
    new: SceneObject
    other: SceneObject  # that stays
    touches_other: bool  # whether the mask reaches into the other object's cells


class Extension(NamedTuple):
    """Half of a scene is known, and the other object is to be drawn beside it."""

    source: Example
    known: Bool[np.ndarray, "rows columns"]
    is_beside: bool  # the halves lie left and right; else above each other
    is_first_known: bool  # the left or upper half is the known one
    prompt: str
    new: SceneObject


class TwoRegions(NamedTuple):
    """Two objects, each told by a prompt of its own."""

    source: Example
    masks: tuple[Bool[np.ndarray, "rows columns"], Bool[np.ndarray, "rows columns"]]
    prompts: tuple[str, str]
    objects: tuple[SceneObject, SceneObject]


def replacement(world: World, seed: int, index: int) -> Replacement:
    """A test scene of two objects, one of them covered, tightly or with a cell around it."""
    rng = np.random.default_rng([seed, index])
    source = example(world, seed, index, "test", num_objects=2)
    objects = list(source.scene.objects)
    which, margin = int(rng.integers(2)), int(rng.integers(2))
    old, other = objects[which], objects[1 - which]
    objects[which] = new = _other_looks(world, source.scene, old, rng)
    scene = replace(source.scene, objects=tuple(objects))
    is_painted = box(world, old, margin)
    touches = bool((is_painted & box(world, other, 0)).any())
    return Replacement(source, is_painted, describe(scene, rng), scene, new, other, touches)


def extension(world: World, seed: int, index: int) -> Extension:
    """A test scene of two objects, each in its half, of which one half is known."""
    rng = np.random.default_rng([seed, index])
    source = example(world, seed, index, "test", num_objects=2)
    is_beside, is_first_known = is_side_by_side(source.scene), bool(rng.integers(2))
    known = half(world, is_beside, is_first_known)
    near, far = in_order(source.scene)
    new = far if is_first_known else near
    return Extension(source, known, is_beside, is_first_known, source.caption, new)


def two_halves(world: World, seed: int, index: int) -> TwoRegions:
    """The two halves of a new picture, each with the prompt of the object that stands there."""
    source = example(world, seed, index, "test", num_objects=2)
    is_beside, objects = is_side_by_side(source.scene), in_order(source.scene)
    masks = half(world, is_beside, True), half(world, is_beside, False)
    prompts = tuple(told_alone(each, source.scene.background) for each in objects)
    return TwoRegions(source, masks, prompts, objects)


def two_boxes(world: World, seed: int, index: int) -> TwoRegions:
    """The places of both objects of a picture, each to hold another one told by its own prompt."""
    rng = np.random.default_rng([seed, index])
    source = example(world, seed, index, "test", num_objects=2)
    first = _other_looks(world, source.scene, source.scene.objects[0], rng)
    changed = replace(source.scene, objects=(*source.scene.objects, first))
    second = _other_looks(world, changed, source.scene.objects[1], rng)
    masks = tuple(box(world, each, 0) for each in (first, second))
    prompts = tuple(told_alone(each, source.scene.background) for each in (first, second))
    return TwoRegions(source, masks, prompts, (first, second))


def box(world: World, thing: SceneObject, margin: int) -> Bool[np.ndarray, "rows columns"]:
    """The cells of an object, and so many around them."""
    side, size = world.cells[thing.size], world.cell_size
    is_inside = np.zeros((world.picture_size, world.picture_size), dtype=np.bool_)
    top, left = max(0, thing.row - margin), max(0, thing.column - margin)
    bottom, right = thing.row + side + margin, thing.column + side + margin
    is_inside[top * size : bottom * size, left * size : right * size] = True
    return is_inside


def half(world: World, is_beside: bool, is_first: bool) -> Bool[np.ndarray, "rows columns"]:
    """The left or right half of a picture, or the upper or lower one."""
    size = world.picture_size
    is_inside = np.zeros((size, size), dtype=np.bool_)
    part = slice(0, size // 2) if is_first else slice(size // 2, size)
    is_inside[(slice(None), part) if is_beside else part] = True
    return is_inside


def is_side_by_side(scene: Scene) -> bool:
    """Whether the two objects are told to stand beside, and not above, each other."""
    return scene.relation in ("left of", "right of")


def in_order(scene: Scene) -> tuple[SceneObject, SceneObject]:
    """The object in the left or upper half, and the other one."""
    first, second = scene.objects
    return (first, second) if scene.relation in ("left of", "above") else (second, first)


def told_alone(thing: SceneObject, background: str) -> str:
    """The caption of a scene with this object alone, wherever it stands."""
    return describe(Scene((thing,), background), np.random.default_rng(0))


def _other_looks(
    world: World, scene: Scene, old: SceneObject, rng: np.random.Generator
) -> SceneObject:
    """An object in another's place and size, of glyph and colour that are not in the scene.

    In a world of few names only the glyph, or only the two together, are not.
    """
    looks = {(each.color, each.glyph) for each in scene.objects}
    pairs = [
        (color, glyph)
        for color in world.config.colors
        for glyph in world.config.glyphs
        if color != scene.background and (color, glyph) not in world.held_out | looks
    ]
    colors, glyphs = ({each[part] for each in looks} for part in range(2))
    for listed in (
        [each for each in pairs if each[0] not in colors and each[1] not in glyphs],
        [each for each in pairs if each[1] not in glyphs],
        pairs,
    ):
        if listed:
            color, glyph = listed[int(rng.integers(len(listed)))]
            return replace(old, glyph=glyph, color=color)
    raise UserError(
        "no pair of colour and glyph is left for another object: give data.glyphs or data.colors "
        "more names."
    )
