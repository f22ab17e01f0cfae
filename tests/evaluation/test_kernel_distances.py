"""KID and CMMD: their formulas by hand, 0 for equal sets, and larger the further apart."""

import numpy as np
import pytest

from src.errors import UserError
from src.evaluation.kernel_distances import cmmd, kid


def cloud(num: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return shift + np.random.default_rng(seed).normal(size=(num, 6))


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_kid_of_all_pictures_is_the_double_loop():
    ours, theirs = cloud(30, 1, 0.4), cloud(30, 2)

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return (x @ y / 6 + 1) ** 3

    num = len(ours)
    within = sum(
        kernel(a[i], a[j]) for a in (ours, theirs) for i in range(num) for j in range(num) if i != j
    )
    across = sum(kernel(x, y) for x in ours for y in theirs)
    by_hand = within / (num * (num - 1)) - 2 * across / num**2
    assert kid(ours, theirs, "toy", rng()).value == pytest.approx(1000 * by_hand, rel=1e-9)


def test_kid_is_unbiased_and_its_interval_holds_0_for_two_samples_of_one_set():
    found = [kid(cloud(150, seed), cloud(150, 1000 + seed), "toy", rng()) for seed in range(40)]
    values = [each.value for each in found]
    assert abs(np.mean(values)) < 3 * np.std(values) / 40**0.5
    large = kid(cloud(1200, 1), cloud(1200, 2), "toy", rng())
    assert large.low <= 0 <= large.high


def test_kid_grows_with_the_gap_and_names_its_features():
    near, far = (kid(cloud(200, 1, shift), cloud(300, 2), "toy", rng()) for shift in (0.3, 0.9))
    assert near.value < far.value
    assert far.low > near.high
    assert (far.name, far.samples) == ("KID x1000[toy]", "200 vs 300")


def test_cmmd_is_the_double_loop_with_the_diagonal():
    ours, theirs = cloud(40, 1, 0.5), cloud(25, 2)
    first, second = (each / np.linalg.norm(each, axis=1)[:, None] for each in (ours, theirs))

    def mean(a: np.ndarray, b: np.ndarray) -> float:
        return np.mean([np.exp(-((x - y) ** 2).sum() / (2 * 10**2)) for x in a for y in b])

    by_hand = mean(first, first) + mean(second, second) - 2 * mean(first, second)
    assert cmmd(ours, theirs, "toy").value == pytest.approx(1000 * by_hand, rel=1e-9)


def test_cmmd_of_a_set_with_itself_is_0_and_grows_with_the_gap():
    points = cloud(60, 1)
    assert cmmd(points, points, "toy").value == pytest.approx(0, abs=1e-9)
    near, far = (cmmd(cloud(300, 1, shift), cloud(300, 2), "toy") for shift in (0.3, 0.9))
    assert near.high < far.low


def test_cmmds_interval_holds_what_many_pictures_say():
    theirs = cloud(400, 1)
    many = cmmd(cloud(20_000, 2, 0.5), theirs, "toy").value
    inside = 0
    for seed in range(40):
        found = cmmd(cloud(400, 100 + seed, 0.5), theirs, "toy")
        inside += found.low <= many <= found.high
    assert inside >= 34


def test_too_few_pictures_are_refused():
    with pytest.raises(UserError, match="at least 2 pictures on each side; got 1 and 9"):
        kid(cloud(1, 1), cloud(9, 2), "toy", rng())
    with pytest.raises(UserError, match="at least 2 pictures on each side; got 1 and 19"):
        cmmd(cloud(1, 1), cloud(19, 2), "toy")


def test_few_pictures_are_left_out_one_by_one():
    found = cmmd(cloud(7, 1), cloud(9, 2), "toy")
    assert found.low < found.value < found.high
