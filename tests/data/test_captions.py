import numpy as np
import pytest

from src.data.captions import (
    canonical_caption,
    describe,
    is_test,
    is_train,
    mirrored,
    vocabulary,
)
from src.data.micro_cond import MicroCond
from src.data.render import render
from src.data.scenes import Scene, SceneObject, draw_scene

SCENE = Scene(
    (
        SceneObject("umbrella", "red", "large", 0, 1),
        SceneObject("anchor", "blue", "small", 4, 2),
    ),
    "yellow",
    relation="above",
)


def test_the_canonical_caption_reads_as_english():
    assert canonical_caption(SCENE) == (
        "a large red umbrella above a small blue anchor on a yellow background"
    )


def test_one_scene_is_told_in_many_ways_that_all_name_everything():
    rng = np.random.default_rng(0)
    captions = {describe(SCENE, rng) for _ in range(200)}
    assert len(captions) == 10  # five sentences, two words for "above"
    facts = ("large red umbrella", "small blue anchor", "yellow")
    for caption in captions:
        assert all(fact in caption for fact in facts)


def test_the_vocabulary_holds_every_word_the_grammar_says(world):
    words, rng = set(vocabulary(world)), np.random.default_rng(1)
    for index in range(500):
        caption = describe(draw_scene(world, 1 + index % 2, rng), rng)
        assert set(caption.replace(",", " ,").split()) <= words


@pytest.mark.parametrize(("num_objects", "share"), [(1, 0.2), (2, 0.04)])
def test_the_testing_side_holds_the_share_that_was_asked_for(world, num_objects, share):
    rng = np.random.default_rng(2)
    drawn = [draw_scene(world, num_objects, rng) for _ in range(4000)]
    assert abs(np.mean([is_test(scene, 0.2) for scene in drawn]) - share) < 0.02
    assert abs(np.mean([is_train(scene, 0.2) for scene in drawn]) - 0.8) < 0.02
    assert not any(is_test(scene, 0.0) for scene in drawn)
    assert all(is_test(scene, 1.0) for scene in drawn)


def test_a_scene_told_from_its_other_object_is_the_same_picture(world):
    other = mirrored(SCENE)
    assert canonical_caption(other) == (
        "a small blue anchor below a large red umbrella on a yellow background"
    )
    condition = MicroCond.default(32, 32)
    here, _ = render(SCENE, world, condition, np.random.default_rng(0))
    there, _ = render(other, world, condition, np.random.default_rng(0))
    assert np.array_equal(here, there)
    assert mirrored(other) == SCENE


def test_no_tested_scene_is_trained_on_whichever_object_it_is_told_from(world):
    rng = np.random.default_rng(3)
    drawn = [draw_scene(world, 2, rng) for _ in range(4000)]
    tested = [scene for scene in drawn if is_test(scene, 0.2)]
    assert len(tested) > 100
    assert not any(is_train(scene, 0.2) or is_train(mirrored(scene), 0.2) for scene in tested)
