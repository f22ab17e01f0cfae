"""The Fréchet distance that clean-fid computes from our features."""

import warnings

import numpy as np
import pytest
from cleanfid.fid import fid_from_feats

from src.errors import UserError
from src.evaluation.frechet import TooFewPictures, frechet_distance


def cloud(num_samples, dim, seed=0):
    return np.random.default_rng(seed).normal(size=(num_samples, dim))


def whiten(features):
    """The same points, moved so that their mean is exactly 0 and their covariance exactly 1."""
    centered = features - features.mean(axis=0)
    return centered @ np.linalg.inv(np.linalg.cholesky(np.cov(centered, rowvar=False))).T


def test_equals_the_closed_form_for_axis_aligned_gaussians():
    scale, other_scale = np.array([1.0, 2.0, 0.5]), np.array([3.0, 2.0, 1.5])
    shift = np.array([0.5, -1.0, 2.0])
    points = whiten(cloud(200, 3))
    measured = frechet_distance(points * scale + shift, points * other_scale, "toy")
    expected = (shift**2).sum() + ((scale - other_scale) ** 2).sum()
    assert measured.value == pytest.approx(expected, rel=1e-9)


def test_a_set_is_at_distance_0_from_itself_and_from_its_reordering():
    features = cloud(50, 6)
    order = np.random.default_rng(1).permutation(50)
    assert frechet_distance(features, features, "toy").value == pytest.approx(0, abs=1e-6)
    assert frechet_distance(features, features[order], "toy").value == pytest.approx(0, abs=1e-6)


def test_is_symmetric():
    first, second = cloud(40, 5), 1 + 2 * cloud(60, 5, seed=1)
    there, back = frechet_distance(first, second, "toy"), frechet_distance(second, first, "toy")
    assert there.value == pytest.approx(back.value, rel=1e-9)


def test_is_the_number_clean_fid_gives_for_the_same_features():
    first, second = cloud(40, 5), 1 + 2 * cloud(60, 5, seed=1)
    assert frechet_distance(first, second, "toy").value == pytest.approx(
        fid_from_feats(first, second), rel=1e-12
    )


def test_half_precision_features_are_averaged_in_double_precision():
    """A mean of 50,000 equal float16 values would stop growing; the distance must not see that."""
    features = np.full((50_000, 2), 0.1, dtype=np.float16) + cloud(50_000, 2).astype(np.float16) / 8
    exact = features.astype(np.float64)
    reference = cloud(100, 2)
    assert (
        frechet_distance(features, reference, "toy").value
        == frechet_distance(exact, reference, "toy").value
    )


def test_carries_its_features_name_and_both_counts():
    measured = frechet_distance(cloud(40, 5), cloud(60, 5), "glyph-clip")
    assert measured.name == "FD[glyph-clip]"
    assert (measured.num_samples, measured.num_reference) == (40, 60)
    assert measured.samples == "40 vs 60"
    assert not measured.is_higher_better


def test_fewer_pictures_than_dimensions_are_warned_of_in_words(capsys):
    with pytest.warns(TooFewPictures, match=r"5 pictures against 60 .* rank deficient.* 8 dim"):
        measured = frechet_distance(cloud(5, 8), cloud(60, 8), "toy")
    assert "rank deficient" in measured.note
    assert capsys.readouterr().out == ""  # clean-fid's own line stays out of the terminal


def test_enough_pictures_raise_no_warning_not_even_a_librarys():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frechet_distance(cloud(40, 5), cloud(60, 5), "toy")


def test_a_distance_of_few_pictures_says_so_beside_itself():
    few = frechet_distance(cloud(1999, 2), cloud(2000, 2), "toy")
    assert few.note == "fewer than 2,000 pictures: compare only equal numbers of them"
    assert frechet_distance(cloud(2000, 2), cloud(2000, 2), "toy").note == ""


def test_single_pictures_and_broken_features_are_refused():
    with pytest.raises(UserError, match="at least 2 pictures on each side; got 1 and 60"):
        frechet_distance(cloud(1, 5), cloud(60, 5), "toy")
    broken = cloud(40, 5)
    broken[3, 2] = np.nan
    with pytest.raises(UserError, match="not finite"):
        frechet_distance(broken, cloud(60, 5), "toy")
