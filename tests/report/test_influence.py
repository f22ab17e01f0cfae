"""Maps and cones show what the influence says, at the right place."""

import numpy as np
import pytest
import torch

from src.data.micro_cond import MicroCond
from src.interpret.branch import Branch
from src.interpret.influence import Influence, cone
from src.interpret.influence_grid import InfluenceGrid
from src.recipe import Recipe
from src.report.influence import cone_figure, influence_figure, influence_grid_figure
from src.sampler.config import SamplerConfig

PICTURE = np.full((16, 16, 3), 200, dtype=np.uint8)


@pytest.fixture(scope="module")
def found(decoded):
    """(1, 2) changed; (0, 0) cannot move; the first branch moved (3, 3), the second nothing."""
    micro = [MicroCond.default(16, 16)]
    recipe = Recipe(["a"], [""], micro, micro, [0], SamplerConfig(num_steps=3), 16, 16)
    trace = decoded.picture(0)
    base = Branch(trace, recipe, 16)

    def branch(*changed):
        token_ids = trace.token_ids.clone()
        for row, column in changed:
            token_ids[-1, 0, row, column] = (token_ids[-1, 0, row, column] + 1) % 16
        return base._replace(trace=trace._replace(token_ids=token_ids))

    branches = (branch((1, 2), (3, 3)), branch((1, 2)))
    is_open = torch.ones(4, 4, dtype=torch.bool)
    is_open[1, 2] = is_open[0, 0] = False
    divergence = torch.zeros(2, 4, 4)
    divergence[0, 3, 3] = 0.4
    return Influence((1, 2), 1, (5, 6, 7), base, branches, divergence, is_open)


def test_each_branch_has_its_picture_and_its_maps(found):
    figure = influence_figure([PICTURE] * 3, found)
    axes = figure.axes
    pictures, ended, told = axes[:3], axes[3:6], axes[7:10]  # each row of maps has its bar
    assert all(each.images[0].get_array().shape == (16, 16, 3) for each in pictures)
    mean, first, second = (each.images[0].get_array() for each in ended)
    assert (mean[3, 3], first[3, 3], second[3, 3]) == (0.5, 1, 0)
    assert first.sum() == 1
    assert np.argwhere(np.ma.getmaskarray(first)).tolist() == [[0, 0], [1, 2]]
    assert told[0].images[0].get_array()[3, 3] == pytest.approx(0.2)
    assert told[1].images[0].get_clim() == (0, 0.5)
    heads = {text.get_text() for text in figure.texts}
    assert {"own code\n5", "code 6\n1 moved", "code 7\n0 moved"} <= heads


def test_the_changed_position_is_framed_in_pictures_and_maps(found):
    figure = influence_figure([PICTURE] * 3, found)
    (marker,) = figure.axes[0].lines
    assert (marker.get_xdata()[0], marker.get_ydata()[0]) == (9.5, 5.5)  # pixels of 4 a token
    (square,) = figure.axes[3].patches
    assert square.get_path().vertices[:4].mean(axis=0).tolist() == [2, 1]


def test_a_cone_is_drawn_above_its_counts(found):
    figure = cone_figure({"codes": cone(found)}, "share")
    curve, counts = figure.axes
    assert curve.lines[0].get_xdata().tolist() == [1, 2]
    np.testing.assert_allclose(curve.lines[0].get_ydata(), [0, 1 / 12])
    assert [bar.get_height() for bar in counts.patches] == [16, 12]
    with pytest.raises(ValueError, match="no cone"):
        cone_figure({}, "share")


def test_a_grid_shows_who_moves_and_who_is_moved():
    seq = 9
    is_open = ~torch.eye(seq, dtype=torch.bool)
    is_open[:, 0] = False  # settled
    moved = torch.zeros(seq, seq)
    moved[4, 5] = 0.8
    grid = InfluenceGrid(
        2,
        "predictions",
        torch.zeros(3, 3, dtype=torch.long),
        moved.view(3, 3, 3, 3),
        is_open.view(3, 3, 3, 3),
    )
    figure = influence_grid_figure(grid)
    given, received = (each.images[0].get_array() for each in (figure.axes[0], figure.axes[2]))
    assert given[1, 1] == pytest.approx(0.8 / 7)
    assert received[1, 2] == pytest.approx(0.8 / 8)
    assert np.argwhere(np.ma.getmaskarray(received)).tolist() == [[0, 0]]
    assert figure.axes[0].images[0].get_cmap().name == "magma"
    shares = influence_grid_figure(grid._replace(measure="pictures"))
    assert shares.axes[0].images[0].get_cmap().name == "Purples"


def test_a_missing_picture_is_told(found):
    with pytest.raises(ValueError, match="2 pictures for a base and 2 branches"):
        influence_figure([PICTURE] * 2, found)
