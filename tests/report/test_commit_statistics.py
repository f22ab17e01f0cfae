"""The panels show the curve, the distances and the order that they were given."""

import numpy as np
import pytest
from torch import Generator

from src.errors import UserError
from src.interpret.commit_order import commit_steps
from src.interpret.commit_statistics import commit_statistics, kept_curve
from src.report.commit_statistics import commit_statistics_figure
from src.report.look import png_bytes


@pytest.fixture(scope="module")
def statistics(decoded):
    return commit_statistics(decoded, Generator().manual_seed(0), num_draws=50)


@pytest.fixture(scope="module")
def figure(decoded, statistics):
    curve, order = kept_curve(decoded), commit_steps(decoded)
    return commit_statistics_figure(curve, statistics, order, picture=1)


def line(axes, label):
    (found,) = (each for each in axes.lines if each.get_label() == label)
    return found.get_ydata()


def test_the_curve_is_of_the_picture_asked_for(figure, decoded):
    curve = kept_curve(decoded)
    np.testing.assert_array_equal(line(figure.axes[0], "kept"), curve.num_kept[:, 1])
    np.testing.assert_array_equal(line(figure.axes[0], "schedule"), curve.num_scheduled[:, 1])


def test_distances_stand_before_the_band_of_chance(figure, statistics):
    axes = figure.axes[1]
    np.testing.assert_array_equal(line(axes, "kept"), statistics.distance.observed[1])
    np.testing.assert_array_equal(line(axes, "chance, mean"), statistics.distance.expected[1])
    (band,) = axes.collections
    ends = band.get_paths()[0].vertices[:, 1]
    low, high = (end[1].nan_to_num(1e9) for end in statistics.distance[2:])
    assert ends.min() == pytest.approx(low.min().item())
    assert ends.max() == pytest.approx(statistics.distance.high[1].nan_to_num(0).max().item())
    assert high.min() >= low.min()


def test_morans_number_is_said_and_marked(figure, statistics):
    axes = figure.axes[-1]
    observed = float(statistics.moran.observed[1])
    assert f"{observed:.2f}" in axes.get_xlabel()
    assert axes.lines[-1].get_xdata()[0] == observed
    assert axes.get_xlim() == (-1, 1)
    assert png_bytes(figure)


@pytest.mark.parametrize("picture", [5, -1])
def test_a_picture_that_is_not_there_is_refused(decoded, statistics, picture):
    with pytest.raises(UserError, match=f"picture={picture} is not there; this generation has 2"):
        commit_statistics_figure(
            kept_curve(decoded), statistics, commit_steps(decoded), picture=picture
        )
