"""A map shows its numbers where they stand, on the scale that it was given."""

import numpy as np
import pytest

from src.report.look import new_figure, panel
from src.report.token_map import NOTHING, Scale, draw_map, nats_up_to


@pytest.fixture
def axes():
    return panel(new_figure(2.0, 2.0), 0.1, 0.1, 1.8, 1.8)


def test_a_map_stands_the_right_way_up_on_the_scale_it_was_given(axes):
    values = np.arange(6.0).reshape(2, 3)
    draw_map(axes, values, Scale("magma", 0, 10, "nats"))
    (image,) = axes.images
    np.testing.assert_array_equal(image.get_array(), values)
    assert image.get_clim() == (0, 10)
    assert image.origin == "upper"
    assert axes.get_ylim()[0] > axes.get_ylim()[1]


def test_what_has_no_number_is_grey_and_no_colour_of_the_map(axes):
    values = np.array([[1.0, np.nan], [2.0, 3.0]])
    is_shown = np.array([[True, True], [False, True]])
    draw_map(axes, values, Scale("magma", 0, 3, "nats"), is_shown, is_hidden=is_shown)
    hidden = np.ma.getmaskarray(axes.images[0].get_array())
    assert hidden.tolist() == [[False, True], [True, False]]
    (patch,) = axes.patches
    assert patch.get_hatch()
    assert len(patch.get_path().to_polygons(closed_only=True)) == 3
    assert tuple(round(255 * part) for part in axes.get_facecolor()[:3]) == tuple(
        bytes.fromhex(NOTHING[1:])
    )


@pytest.mark.parametrize(("highest", "end"), [(0.0, 0.1), (0.3, 0.5), (1.0, 1), (3.2, 5), (7, 10)])
def test_a_scale_ends_at_a_round_number_that_holds_all(highest, end):
    assert nats_up_to(np.array([0.0, highest, np.nan])) == pytest.approx(end)
