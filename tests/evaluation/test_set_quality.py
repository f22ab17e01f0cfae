"""A set is measured by both scores of CLIP, and by distances that need enough pictures."""

import numpy as np
import pytest
import torch
from PIL import Image

from src.errors import UserError
from src.evaluation.frechet import TooFewPictures
from src.evaluation.picture_set import open_pictures
from src.evaluation.set_quality import Judges, check_enough, logits, look_at, mean_logit
from tests.evaluation.conftest import SIZE
from tests.evaluation.test_feature_cache import LittleMemory


def test_logits_are_those_of_the_model_itself(clip, pictures, captions):
    prompt_ids, attention_mask = clip.prepare_captions(captions)
    with torch.no_grad():
        theirs = clip.model(
            pixel_values=clip.prepare_pictures(pictures),
            input_ids=prompt_ids,
            attention_mask=attention_mask,
        ).logits_per_image.diag()
    ours = logits(clip.picture_features(pictures), clip.caption_features(captions), clip)
    np.testing.assert_allclose(ours, theirs.double().numpy(), rtol=1e-4)  # float32


def test_the_mean_is_not_cut_off_at_zero_and_stands_in_its_interval(draws):
    scores = np.random.default_rng(1).normal(-2, 1, 400)
    measured = mean_logit(scores, "tiny-clip", draws, "ours")
    assert measured.value == scores.mean()
    assert measured.low < measured.value < measured.high < 0
    assert measured.high - measured.low == pytest.approx(2 * 1.96 / 20, rel=0.15)
    assert (measured.name, measured.num_samples) == ("CLIP logits[tiny-clip]", 400)


def test_as_few_pictures_as_features_are_refused_and_few_are_warned_of():
    eyes = LittleMemory(8, MemoryError())  # of three features
    with pytest.raises(UserError, match=r"3 pictures in ours.* 3 dimensions of mean colour"):
        check_enough(3, eyes, "in ours")
    with pytest.warns(TooFewPictures, match=r"4 pictures in ours: .* fewer than 2,000"):
        check_enough(4, eyes, "in ours")
    check_enough(2000, eyes, "in ours")


@pytest.fixture
def looked(clip, tmp_path):
    """All numbers of that many pictures of noise, by their names, beside as many others."""

    def look(num: int, captions: list[str] | None = None) -> dict:
        folders = []
        for seed, name in enumerate(("ours", "real")):
            rng = np.random.default_rng(seed)
            (tmp_path / f"{name}-{num}").mkdir()
            folders.append(tmp_path / f"{name}-{num}")
            for number in range(num):
                pixels = rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folders[-1] / f"{number}.png")
        ours, real = (open_pictures(each, None, tmp_path / "notes") for each in folders)
        judges = Judges(clip, clip, tmp_path / "cache")
        told = None if captions is None else clip.caption_features(captions)
        seen = look_at(ours, SIZE, judges.reference(real, SIZE), told, judges, "ours", 0.95)
        return {each.name: each for each in seen.measurements}

    return look


def test_with_enough_pictures_a_set_has_its_distance_at_endless_ones(looked):
    found = looked(40)
    endless, plain = found["FD at endless pictures[tiny-clip]"], found["FD[tiny-clip]"]
    assert endless.low < endless.value < endless.high
    assert endless.value < plain.value
    assert "endless" not in plain.note


def test_without_enough_the_distance_says_how_many_it_takes(looked):
    found = looked(20)
    assert "FD at endless pictures[tiny-clip]" not in found
    said = "twice as many as the 8 features; 20 pictures are too few, give 35 or more"
    assert said in found["FD[tiny-clip]"].note
    assert found["FD[tiny-clip]"].note.startswith("fewer than 2,000 pictures")


def test_every_number_of_a_set_says_whose_weights_and_which_resize(looked, clip):
    found = looked(40, ["a red star", "a blue heart"] * 20)
    assert len(found) == 8
    for each in found.values():
        assert (each.resizer, each.weights_hash) == (clip.resizer, clip.weights_hash)


def test_both_conventions_of_the_score_stand_beside_each_other(looked, clip):
    found = looked(40, ["a red star", "a blue heart"] * 20)
    score, own = found["CLIP score[tiny-clip]"], found["CLIP logits[tiny-clip]"]
    scale = clip.model.logit_scale.exp().item() / 100
    assert score.value > 0
    assert own.value == pytest.approx(scale * score.value)
    assert (own.low, own.high) == pytest.approx((scale * score.low, scale * score.high))
