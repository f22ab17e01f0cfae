"""Precision and recall: both whole for one set, each lost alone where it should be."""

import numpy as np
import pytest

from src.errors import UserError
from src.evaluation.precision_recall import precision_recall


def cloud(num: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return shift + np.random.default_rng(seed).normal(size=(num, 4))


def shares(ours: np.ndarray, theirs: np.ndarray) -> list[float]:
    return [each.value for each in precision_recall(ours, theirs, "toy")]


def test_a_set_is_wholly_among_itself_and_far_sets_not_at_all():
    points = cloud(100, 1)
    assert shares(points, points) == [1, 1]
    assert shares(points, points + 100) == [0, 0]


def test_lost_modes_cost_recall_and_strange_pictures_precision():
    theirs = np.concatenate([cloud(200, 1), cloud(200, 2, shift=20)])
    precision, recall = shares(cloud(200, 3), theirs)
    assert precision > 0.8
    assert recall == pytest.approx(0.5, abs=0.07)
    strange = np.concatenate([cloud(200, 3), cloud(200, 4, shift=20), cloud(400, 5, shift=50)])
    precision, recall = shares(strange, theirs)
    assert precision == pytest.approx(0.5, abs=0.07)
    assert recall > 0.8


def test_they_are_shares_with_their_own_counts():
    precision, recall = precision_recall(cloud(100, 1), cloud(300, 2), "toy")
    assert (precision.name, recall.name) == ("precision[toy]", "recall[toy]")
    assert precision.low < precision.value < precision.high
    assert recall.high - recall.low < precision.high - precision.low or recall.value > 0.9


def test_too_few_for_three_neighbours_are_refused():
    with pytest.raises(UserError, match="more than 3 pictures on each side; got 3 and 9"):
        precision_recall(cloud(3, 1), cloud(9, 2), "toy")
