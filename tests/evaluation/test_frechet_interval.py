"""Fréchet distances: equal to the libraries', and what they would be with endless pictures."""

import numpy as np
import pytest
import torch
from cleanfid.fid import fid_from_feats
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torchmetrics.image.fid import FrechetInceptionDistance

from src.errors import UserError
from src.evaluation.frechet_interval import (
    Moments,
    distance,
    fd_infinity,
    moments,
    paired_interval,
    reflected_interval,
)


def cloud(num: int, dim: int, seed: int, shift: float = 0.0, spread: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(dim).normal(size=(dim, dim)) / dim**0.5 + np.eye(dim)
    return shift + spread * rng.normal(size=(num, dim)) @ mix


class Given(torch.nn.Module):
    """Features that are given, as torchmetrics asks for them."""

    num_features = 12

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features


@pytest.mark.parametrize(("num", "others"), [(300, 500), (40, 900)])
def test_the_distance_is_that_of_three_libraries(num, others):
    ours, theirs = cloud(num, 12, 1, shift=0.3, spread=1.4), cloud(others, 12, 2)
    value = distance(moments(ours), moments(theirs))
    assert value == pytest.approx(float(fid_from_feats(ours, theirs)), rel=1e-6)
    statistics = [fid_features_to_statistics(torch.from_numpy(each)) for each in (ours, theirs)]
    fidelity = fid_statistics_to_metric(*statistics, verbose=False)
    assert value == pytest.approx(fidelity["frechet_inception_distance"], rel=1e-6)
    metric = FrechetInceptionDistance(feature=Given(), normalize=False).set_dtype(torch.float64)
    metric.update(torch.from_numpy(theirs), real=True)
    metric.update(torch.from_numpy(ours), real=False)
    assert value == pytest.approx(metric.compute().item(), rel=1e-4)


def test_a_set_is_at_no_distance_from_itself():
    points = cloud(200, 12, 1)
    assert distance(moments(points), moments(points[::-1])) == pytest.approx(0, abs=1e-9)


def test_the_distance_of_known_gaussians_is_the_closed_form():
    """Diagonal: sum of (m - r)^2 + (s - t)^2."""
    first = Moments(np.array([1.0, 2.0]), np.diag([4.0, 9.0]))
    second = Moments(np.array([0.0, 0.0]), np.diag([1.0, 25.0]))
    assert distance(first, second) == pytest.approx(1 + 4 + (2 - 1) ** 2 + (3 - 5) ** 2)


def test_weights_count_pictures_again():
    points = cloud(20, 3, 1)
    twice = np.concatenate([points, points[:5]])
    weights = np.where(np.arange(20) < 5, 2.0, 1.0)
    for mine, theirs in zip(moments(points, weights), moments(twice), strict=True):
        np.testing.assert_allclose(mine, theirs)


def population(dim: int) -> tuple[Moments, np.ndarray]:
    """Known moments, and a reference whose sample has exactly mean 0 and covariance 1."""
    mix = np.random.default_rng(dim).normal(size=(dim, dim)) / dim**0.5 + np.eye(dim)
    corners = np.concatenate([np.eye(dim), -np.eye(dim)]) * ((2 * dim - 1) / 2) ** 0.5
    return Moments(np.full(dim, 0.5), mix.T @ mix), corners


def drawn(num: int, dim: int, seed: int) -> np.ndarray:
    return cloud(num, dim, seed, shift=0.5)


def test_the_distance_at_endless_pictures_lies_in_its_interval():
    dim = 6
    known, corners = population(dim)
    np.testing.assert_allclose(moments(corners).covariance, np.eye(dim), atol=1e-12)
    truth = distance(known, moments(corners))
    inside, plain_errors, errors = 0, [], []
    for seed in range(40):
        points = drawn(100, dim, seed)
        found = fd_infinity(points, corners, np.random.default_rng(seed))
        inside += found.low <= truth <= found.high
        errors.append(found.value - truth)
        plain_errors.append(distance(moments(points), moments(corners)) - truth)
        assert found.slope > 0
    assert 34 <= inside  # of 40, where 95 % are asked for
    assert abs(np.mean(errors)) < 2.5 * np.std(errors) / 40**0.5
    taken_off = np.subtract(plain_errors, errors)
    assert np.mean(taken_off) > 4 * np.std(taken_off) / 40**0.5


def test_the_bias_is_told_and_taken_off():
    known, corners = population(6)
    truth = distance(known, moments(corners))
    biases = []
    for seed in range(30):
        points = drawn(60, 6, seed)
        value = distance(moments(points), moments(corners))
        interval = reflected_interval(points, corners, value, np.random.default_rng(seed))
        assert (interval.low + interval.high) / 2 == pytest.approx(value - interval.bias)
        biases.append((value - truth, interval.bias))
    over, told = np.array(biases).mean(axis=0)
    assert over > 0
    assert told == pytest.approx(over, rel=0.5)


def test_half_as_many_pictures_as_it_takes_twice_the_features_are_enough_for_a_line():
    """As the authors' 10,000 pictures are for 2,048 features."""
    dim = 24
    known, corners = population(dim)
    truth = distance(known, moments(corners))
    num_samples = round(dim * 10_000 / 2048)
    inside, errors, plain_errors = 0, [], []
    for seed in range(40):
        points = drawn(num_samples, dim, seed)
        found = fd_infinity(points, corners, np.random.default_rng(seed))
        inside += found.low <= truth <= found.high
        errors.append(found.value - truth)
        plain_errors.append(distance(moments(points), moments(corners)) - truth)
    assert inside >= 34
    assert abs(np.mean(errors)) < np.mean(plain_errors) / 4


def test_too_few_pictures_for_a_line_are_told_how_many_it_takes():
    with pytest.raises(UserError, match=r"24 pictures are too few, give (\d+) or more") as told:
        fd_infinity(drawn(24, 6, 0), population(6)[1], np.random.default_rng(0))
    enough = int(str(told.value).split("give ")[1].split(" ")[0])
    fd_infinity(drawn(enough, 6, 0), population(6)[1], np.random.default_rng(0))
    with pytest.raises(UserError, match=f"give {enough} or more"):
        fd_infinity(drawn(enough - 2, 6, 0), population(6)[1], np.random.default_rng(0))


def test_an_interval_of_pairs_holds_what_one_that_tears_them_apart_does_not():
    """Pictures of known moments, each with a little noise of its own."""
    known, _ = population(6)
    noisy = Moments(known.mean, known.covariance + 0.1**2 * np.eye(6))
    truth = distance(noisy, known)
    inside = dict.fromkeys((paired_interval, reflected_interval), 0)
    for seed in range(40):
        before = drawn(200, 6, seed)
        after = before + 0.1 * np.random.default_rng(1000 + seed).normal(size=before.shape)
        value = distance(moments(after), moments(before))
        for interval_of in inside:
            low, high, _ = interval_of(after, before, value, np.random.default_rng(seed))
            inside[interval_of] += low <= truth <= high
    assert inside[paired_interval] >= 34
    assert inside[reflected_interval] <= 10


def test_the_distance_rises_steadily_under_blur_noise_and_lost_modes():
    """Pictures of eight kinds, seen by a small fixed network."""
    rng = np.random.default_rng(0)
    kinds = rng.normal(size=(8, 3, 12, 12))
    of_kind = np.arange(1600) % 8
    pictures = torch.from_numpy(kinds[of_kind] + 0.3 * rng.normal(size=(1600, 3, 12, 12)))
    torch.manual_seed(0)
    eyes = torch.nn.Conv2d(3, 10, 5, stride=3).double()

    def seen(images: torch.Tensor) -> np.ndarray:
        with torch.no_grad():
            return eyes(images).relu().mean(dim=(2, 3)).numpy()

    reference = moments(seen(pictures[:800]))
    fresh, kind = pictures[800:], of_kind[800:]
    noise = torch.from_numpy(rng.normal(size=fresh.shape))

    def blurred(width: int) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(fresh, width, 1, width // 2, count_include_pad=False)

    for spoilt in (
        [fresh, *(blurred(width) for width in (3, 5, 7))],
        [fresh + level * noise for level in (0.0, 0.5, 1.0, 2.0)],
        [fresh[kind < num] for num in (8, 6, 4, 2)],
    ):
        distances = [distance(moments(seen(each)), reference) for each in spoilt]
        assert distances == sorted(distances)
        assert distances[1] > 1.2 * distances[0]
