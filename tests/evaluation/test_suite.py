"""The whole evaluation: numbers beside their yardsticks, each with its sample count."""

import numpy as np
import pytest

from src.data.config import DataConfig
from src.data.oracle import Oracle
from src.data.scenes import World
from src.errors import UserError
from src.evaluation.config import EvaluationConfig, features_name
from src.evaluation.suite import (
    GENERATED,
    REAL,
    SHUFFLED,
    check_counts,
    draw_prompts,
    draw_reference,
    evaluate_pictures,
    evaluate_prompts,
)


@pytest.fixture(scope="module")
def world():
    names = (["star", "heart", "anchor"], ["red", "blue", "green"], ["white", "yellow"])
    return World(DataConfig(*names, held_out=["red anchor"]))


@pytest.fixture(scope="module")
def config():
    return EvaluationConfig(prompts_per_kind=12, num_reference=30)


@pytest.fixture(scope="module")
def prompts(world, config):
    return draw_prompts(world, config)


@pytest.fixture(scope="module")
def measured(world, config, prompts, clip):
    """Generated pictures are the real ones, but the first four of two objects are noise."""
    pictures = {kind: [each.picture for each in prompts[kind]] for kind in prompts}
    noise = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    pictures["two objects"][:4] = list(noise)
    reference = draw_reference(world, config)
    numbers = evaluate_prompts(pictures, prompts, reference, clip, Oracle(world), config)
    return {(each.name, each.subject): each for each in numbers}


def test_every_kind_of_prompt_has_its_accuracy_beside_both_yardsticks(measured, prompts):
    assert len(prompts) == 4
    for kind in prompts:
        for subject in (GENERATED, REAL, SHUFFLED):
            assert measured[f"whole scene right: {kind}", subject].num_samples == 12


def test_a_wrong_picture_lowers_its_kind_and_no_other(measured):
    assert measured["whole scene right: one object", GENERATED].value == 1
    assert measured["whole scene right: two objects", GENERATED].value == pytest.approx(8 / 12)
    assert measured["whole scene right: two objects", REAL].value == 1
    assert measured["whole scene right: two objects", SHUFFLED].value < 0.3


def test_noise_among_the_pictures_raises_their_distance_above_that_of_real_scenes(measured):
    generated, real = (measured["FD[tiny-clip]", subject] for subject in (GENERATED, REAL))
    assert generated.value > real.value > 0
    assert generated.samples == real.samples == "24 vs 30"  # held-out pictures are kept apart


def test_the_score_is_given_for_all_three_and_shuffling_changes_it(measured):
    values = {s: measured["CLIP score[tiny-clip]", s].value for s in (GENERATED, REAL, SHUFFLED)}
    assert len(set(values.values())) == 3


def test_every_number_of_the_extractor_says_whose_weights_and_which_resize(measured, clip):
    seen = [each for (name, _), each in measured.items() if "tiny-clip" in name]
    assert len(seen) == 5
    assert {(each.resizer, each.weights_hash) for each in seen} == {
        (clip.resizer, clip.weights_hash)
    }


def test_a_distance_of_no_more_pictures_than_features_is_refused(world, clip, pictures, draws):
    few, captions = pictures[:8], ["a heart"] * 8
    with pytest.raises(UserError, match=r"8 pictures of the generated pictures.* more than 8"):
        evaluate_pictures(few, captions, pictures, clip, draws)
    with pytest.raises(UserError, match=r"8 pictures to compare with, .* dimensions of tiny-clip"):
        evaluate_pictures(pictures, ["a heart"] * 11, few, clip, draws)


@pytest.mark.parametrize("key", ["prompts_per_kind", "num_reference"])
def test_too_few_are_refused_before_anything_is_drawn(clip, key):
    check_counts(EvaluationConfig(prompts_per_kind=5, num_reference=9), clip)
    few = EvaluationConfig(**{"prompts_per_kind": 5, "num_reference": 9, key: 4})
    with pytest.raises(UserError, match=rf"pictures under evaluation\.{key}=4, .* more than 8"):
        check_counts(few, clip)


def test_prompts_are_a_pure_function_of_the_settings(world, config, prompts):
    again = draw_prompts(world, config)
    assert [e.caption for e in again["two objects"]] == [e.caption for e in prompts["two objects"]]
    other = draw_prompts(world, EvaluationConfig(prompts_per_kind=12, prompt_seed=1))
    assert [e.caption for e in other["two objects"]] != [e.caption for e in prompts["two objects"]]


def test_held_out_prompts_show_a_pair_that_no_other_prompt_shows(world, prompts):
    for kind, examples in prompts.items():
        assert all(world.is_held_out(e.scene) == kind.startswith("held out") for e in examples)


def test_a_world_without_held_out_pairs_has_the_two_test_kinds(config):
    plain = World(DataConfig(["star", "heart"], ["red", "blue"], ["white"], test_ratio=0.5))
    assert list(draw_prompts(plain, config)) == ["one object", "two objects"]


def test_a_missing_picture_is_named_before_anything_is_computed(world, config, prompts, clip):
    pictures = {kind: [each.picture for each in prompts[kind]] for kind in prompts}
    del pictures["two objects"][0]
    with pytest.raises(UserError, match="11 pictures for the 12 prompts of the kind 'two objects'"):
        evaluate_prompts(
            pictures, prompts, draw_reference(world, config), clip, Oracle(world), config
        )


@pytest.mark.parametrize(
    ("clip", "clip_name", "name"),
    [
        ("experiments/glyphs_clip/model", "", "glyph-clip"),
        ("/data/my_clip/model", "", "my_clip"),
        ("/data/vit-l-14", "", "vit-l-14"),
        ("/data/vit-l-14", "clip-l14", "clip-l14"),
    ],
)
def test_a_number_is_named_after_the_features_it_compares(clip, clip_name, name):
    assert features_name(EvaluationConfig(clip=clip, clip_name=clip_name)) == name
