"""A map a kind, on one scale, and a line a kind."""

import numpy as np
import pytest

from src.errors import UserError
from src.interpret.flips import flips
from src.report.flips import flips_figure


def test_the_maps_count_and_the_lines_are_shares(decoded):
    kinds = {"drawn": flips(decoded), "likeliest": flips(decoded, "likeliest")}
    figure = flips_figure(kinds)
    maps = [axes.images[0] for axes in figure.axes if axes.get_ylabel() == "" and axes.images]
    assert kinds["drawn"].counts[0].any()
    for image, kind in zip(maps, kinds.values(), strict=True):
        np.testing.assert_array_equal(image.get_array(), kind.counts[0].numpy())
        assert image.get_clim() == maps[0].get_clim()
        assert image.get_clim()[0] == 0
    lines = figure.axes[-1].lines
    for found, kind in zip(lines, kinds.values(), strict=True):
        np.testing.assert_array_equal(found.get_ydata(), kind.shares[:, 0].numpy())
    assert len({each.get_marker() for each in lines}) == 2  # told apart without colours


def test_no_kind_or_three_are_refused(decoded):
    for kinds in ({}, dict.fromkeys("abc", flips(decoded))):
        with pytest.raises(ValueError, match=r"kinds of flips: give one or two"):
            flips_figure(kinds)


@pytest.mark.parametrize("picture", [5, -1])
def test_a_picture_that_is_not_there_is_refused(decoded, picture):
    with pytest.raises(UserError, match=f"picture={picture} is not there; this generation has 2"):
        flips_figure({"drawn": flips(decoded)}, picture=picture)
