"""The Inception score: 1 where all pictures are alike, the number of classes where none are."""

import numpy as np
import pytest

from src.errors import UserError
from src.evaluation.inception_score import inception_score


def test_pictures_that_all_look_alike_score_1():
    logits = np.tile(np.random.default_rng(0).normal(size=(1, 20)), (100, 1))
    assert inception_score(logits, "toy").value == pytest.approx(1)


def test_sure_and_even_classes_score_their_number():
    logits = 50.0 * np.eye(8)[np.random.default_rng(0).permutation(8000) % 8]
    assert inception_score(logits, "toy").value == pytest.approx(8, rel=0.02)


def test_it_is_exp_of_the_mean_divergence_by_hand():
    logits = np.random.default_rng(0).normal(size=(10, 6))  # a picture a split: no divergence
    assert inception_score(logits, "toy").value == pytest.approx(1)
    logits = np.random.default_rng(1).normal(size=(40, 6)) * 2
    order = np.random.RandomState(2020).permutation(40)
    probs = np.exp(logits[order]) / np.exp(logits[order]).sum(axis=1, keepdims=True)
    scores = []
    for split in np.split(probs, 10):
        divergence = (split * np.log(split / split.mean(axis=0))).sum(axis=1)
        scores.append(np.exp(divergence.mean()))
    found = inception_score(logits, "toy")
    assert found.value == pytest.approx(np.mean(scores))
    assert found.low < found.value < found.high
    assert f"{np.std(scores):.3g}" in found.note


def test_fewer_pictures_than_splits_are_refused():
    with pytest.raises(UserError, match="9 are too few"):
        inception_score(np.zeros((9, 4)), "toy")
