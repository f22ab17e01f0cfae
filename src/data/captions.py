"""The grammar that tells a scene in words, and which captions are kept for testing.

Every caption names all there is: size, colour and pictogram of each object, how they stand, and
the background ("a large red umbrella above a small blue anchor on a yellow background").
"""

import hashlib
from dataclasses import replace

import numpy as np

from src.data.scenes import PLACES, RELATIONS, SIZES, Scene, SceneObject, World

TEMPLATES = (
    "{subject} on a {background} background",
    "on a {background} background , {subject}",
    "{subject} , {background} background",
    "a picture of {subject} on a {background} background",
    "a {background} background with {subject}",
)
RELATION_WORDS = {
    "above": ("above", "over"),
    "below": ("below", "under"),
    "left of": ("left of", "to the left of"),
    "right of": ("right of", "to the right of"),
}
OPPOSITES = {"above": "below", "below": "above", "left of": "right of", "right of": "left of"}


def describe(scene: Scene, rng: np.random.Generator) -> str:
    """One of the ways to tell the scene; the wording is drawn, the facts are not."""
    template = TEMPLATES[int(rng.integers(len(TEMPLATES)))]
    words = RELATION_WORDS.get(scene.relation, ("",))
    return _tell(scene, template, words[int(rng.integers(len(words)))])


def canonical_caption(scene: Scene) -> str:
    """The one wording of these facts in this order; what the split hashes."""
    return _tell(scene, TEMPLATES[0], scene.relation or "")


def is_train(scene: Scene, test_ratio: float) -> bool:
    """Whether training may show the scene told in this order: its hash is on the training side.

    A hash decides, so the split is the same for every seed, machine and order of drawing.
    """
    return not _is_on_test_side(scene, test_ratio)


def is_test(scene: Scene, test_ratio: float) -> bool:
    """Whether testing may show the scene: in whichever order it is told, training never does.

    "A above B" and "B below A" are one scene, so both hashes have to be on the testing side; a
    scene with one on either side is never tested. That leaves the share `test_ratio` of scenes
    with one object and its square of those with two.
    """
    return _is_on_test_side(scene, test_ratio) and (
        scene.relation is None or _is_on_test_side(mirrored(scene), test_ratio)
    )


def mirrored(scene: Scene) -> Scene:
    """The same scene told from its other object: "A above B" as "B below A"."""
    return replace(scene, objects=scene.objects[::-1], relation=OPPOSITES[scene.relation])


def _is_on_test_side(scene: Scene, test_ratio: float) -> bool:
    digest = hashlib.sha256(canonical_caption(scene).encode()).digest()
    return int.from_bytes(digest[:8], "big") < test_ratio * 2**64


def vocabulary(world: World) -> list[str]:
    """Every word the grammar can say of this world, sorted; what the text tokenizer knows whole."""
    config = world.config
    words = {*config.glyphs, *config.colors, *config.backgrounds, *SIZES, "in", ","}
    relations = [text for texts in RELATION_WORDS.values() for text in texts]
    for text in (*TEMPLATES, *PLACES, *RELATIONS, *relations):
        words.update(word for word in text.split() if "{" not in word)
    return sorted(words)


def _tell(scene: Scene, template: str, relation: str) -> str:
    subject = _name(scene.objects[0])
    if scene.relation:
        subject = f"{subject} {relation} {_name(scene.objects[1])}"
    elif scene.place:
        subject = f"{subject} in the {scene.place}"
    return template.format(subject=subject, background=scene.background).replace(" ,", ",")


def _name(thing: SceneObject) -> str:
    return f"a {thing.size} {thing.color} {thing.glyph}"
