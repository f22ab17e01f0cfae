"""The strip shows the maps of its picture, and the panels their quartiles."""

import math

import numpy as np
import pytest

from src.errors import UserError
from src.interpret.opinion_maps import opinion_maps, quartiles
from src.report.look import png_bytes
from src.report.opinion_maps import PANELS, opinion_maps_figure, opinion_quartiles_figure

PICTURE = np.full((8, 8, 3), 90, dtype=np.uint8)


@pytest.fixture(scope="module")
def maps(decoded):
    return opinion_maps(decoded)


@pytest.fixture(scope="module")
def figure(maps, decoded):
    return opinion_maps_figure([PICTURE] * 3, maps, decoded.is_masked, 16, picture=1)


def images(figure, row):
    """Of one row, without the colour bar that follows it."""
    rows = [axes for axes in figure.axes if axes.get_xticks().size == 0 and axes.images]
    return [axes.images[0] for axes in rows[3 * row : 3 * row + 3]]


@pytest.mark.parametrize(("row", "name"), [(1, "probability"), (2, "entropy"), (3, "divergence")])
def test_each_row_is_its_map_and_grey_where_nothing_was_drawn(figure, maps, row, name):
    for step, image in enumerate(images(figure, row)):
        seen = maps.is_drawn[step, 1].numpy()
        shown = image.get_array()
        assert np.array_equal(~np.ma.getmaskarray(shown), seen)
        np.testing.assert_array_equal(shown[seen], getattr(maps, name)[step, 1].numpy()[seen])


def test_the_scales_do_not_follow_the_numbers(figure):
    assert images(figure, 1)[0].get_clim() == (0, 1)
    assert images(figure, 2)[0].get_clim() == pytest.approx((0, math.log(16)))
    assert len({image.get_clim() for image in images(figure, 3)}) == 1


def test_exactly_the_hidden_are_hatched_in_the_first_map(figure, decoded):
    for step, image in enumerate(images(figure, 1)):
        patches = image.axes.patches
        count = sum(len(p.get_path().to_polygons(closed_only=True)) for p in patches)
        assert count == decoded.num_masked[step, 1]


def test_every_step_says_how_many_are_hidden(figure, decoded):
    said = [text.get_text() for text in figure.texts if text.get_text().startswith("step ")]
    counts = decoded.num_masked[:, 1].tolist()
    assert said == [f"step {step}\n{count} hidden" for step, count in enumerate(counts, start=1)]


def test_the_panels_draw_the_medians(maps):
    found = quartiles(maps)
    figure = opinion_quartiles_figure(found, 16)
    assert len(figure.axes) == len(PANELS) == 5
    for axes, name in zip(figure.axes, PANELS, strict=True):
        np.testing.assert_array_equal(axes.lines[0].get_ydata(), found[name].median[:, 0].numpy())
    assert figure.axes[0].get_ylim()[1] == pytest.approx(1, abs=0.05)
    assert png_bytes(figure)


def test_pictures_and_steps_must_agree(maps, decoded):
    with pytest.raises(ValueError, match="2 pictures for 3 steps"):
        opinion_maps_figure([PICTURE] * 2, maps, decoded.is_masked, 16)


@pytest.mark.parametrize("picture", [5, -1])
def test_a_picture_that_is_not_there_is_refused(maps, decoded, picture):
    with pytest.raises(UserError, match=f"picture={picture} is not there; this generation has 2"):
        opinion_maps_figure([PICTURE] * 3, maps, decoded.is_masked, 16, picture=picture)


def test_no_codes_are_refused(maps, decoded):
    with pytest.raises(UserError, match="num_codes=0 is impossible; give a whole number from 1"):
        opinion_maps_figure([PICTURE] * 3, maps, decoded.is_masked, 0)
    with pytest.raises(UserError, match="picture=5 is not there"):
        opinion_quartiles_figure(quartiles(maps), 16, picture=5)
