"""The step panel shows the trace it was given."""

import numpy as np
import pytest
import torch
from matplotlib.patches import PathPatch

from src.interpret.commit_order import NEVER
from src.report.look import new_figure, panel
from src.report.step_panel import ROWS, draw_order, step_norm, step_panel
from src.sampler.trace import Trace

SIZE = 4
PICTURE = np.full((8, 8, 3), 90, dtype=np.uint8)


@pytest.fixture(scope="module")
def trace():
    """Three steps on 4 x 4 tokens; row 0 is given, row k is kept in step k."""
    rows = torch.arange(SIZE)[:, None].expand(SIZE, SIZE)  # (height, width)
    step = torch.arange(1, 4)[:, None, None]
    is_masked = (rows[None] > step)[:, None]  # (steps, 1, height, width)
    confidence = torch.log(step / 4 * torch.ones(3, SIZE, SIZE))[:, None]
    ids, counts = torch.zeros(3, 1, SIZE, SIZE, dtype=torch.long), torch.zeros(3, 1, dtype=int)
    is_given = (rows == 0)[None]
    return Trace(ids, ids, is_masked, confidence, counts, counts, counts, is_given)


@pytest.fixture(scope="module")
def figure(trace):
    return step_panel([PICTURE] * 3, trace, "a red star", "seed 7")


def panels(figure, row):
    """The axes of one row, without the colour bars, which come last."""
    return figure.axes[: 3 * len(ROWS)][row :: len(ROWS)]


def test_every_step_has_a_column_that_tells_how_many_are_hidden(figure):
    heads = [text.get_text() for text in figure.texts if text.get_text().startswith("step ")]
    assert heads == ["step 1\n8 hidden", "step 2\n4 hidden", "step 3\n0 hidden"]
    said = [text.get_text() for text in figure.texts]
    assert {"a red star", "seed 7", "picture", "confidence", "kept at step"} <= set(said)


def test_confidence_is_the_probability_on_a_scale_that_never_moves(figure):
    for step, axes in enumerate(panels(figure, 1), start=1):
        (image,) = axes.images
        assert image.get_clim() == (0, 1)
        assert image.get_cmap().name == "viridis"
        np.testing.assert_allclose(image.get_array(), step / 4, rtol=1e-6)


def test_exactly_the_hidden_positions_are_hatched(figure, trace):
    for index, axes in enumerate(panels(figure, 1)):
        hatched = [patch for patch in axes.patches if isinstance(patch, PathPatch)]
        centers = {
            tuple(square.mean(axis=0).round(6)[::-1].astype(int))
            for patch in hatched
            for square in [path[:4] for path in patch.get_path().to_polygons(closed_only=True)]
        }
        assert all(patch.get_hatch() for patch in hatched)
        assert centers == {tuple(place) for place in np.argwhere(trace.is_masked[index, 0].numpy())}


def test_the_order_shows_each_position_from_the_step_it_was_kept(figure):
    for step, axes in enumerate(panels(figure, 2), start=1):
        shown = axes.images[0].get_array()
        for row in range(SIZE):
            is_shown = 0 < row <= step  # row 0 was given, not kept
            assert np.all(np.ma.getmaskarray(shown)[row] != is_shown)
            if is_shown:
                assert np.all(shown[row] == row)


def test_each_step_has_its_own_colour():
    norm = step_norm(12)
    assert len({int(norm(step)) for step in range(1, 13)}) == 12


def test_the_size_depends_on_the_number_of_steps_only(trace):
    size = tuple(step_panel([PICTURE] * 3, trace, "one", "n").get_size_inches())
    other = step_panel([np.zeros((64, 64, 3), np.uint8)] * 3, trace, "another prompt", "m")
    assert tuple(other.get_size_inches()) == size


def test_what_was_never_kept_stays_empty():
    axes = panel(new_figure(1.0, 1.0), 0.0, 0.0, 1.0, 1.0)
    draw_order(axes, np.full((2, 2), NEVER), step=3, num_steps=3)
    assert np.ma.getmaskarray(axes.images[0].get_array()).all()


def test_pictures_and_trace_must_agree(trace):
    with pytest.raises(ValueError, match="2 pictures for a trace of 3 steps"):
        step_panel([PICTURE] * 2, trace, "a red star")
