"""A set is measured by CLIP's own logits, and by a distance that needs enough pictures."""

import numpy as np
import pytest
import torch

from src.errors import UserError
from src.evaluation.frechet import TooFewPictures
from src.evaluation.set_quality import check_enough, logits, mean_logit
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
