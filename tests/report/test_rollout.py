"""Rollout figures: each row of places reads what its place reads, framed where it stands."""

import numpy as np
import pytest
import torch

from src.interpret.rollout import Rollout, rollouts
from src.report.look import png_bytes
from src.report.rollout import MOST_LAYERS, rollout_figure

PICTURE = np.full((8, 8, 3), 200, dtype=np.uint8)


def made(layers=2):
    attention = torch.eye(4)[[1, 2, 3, 3]].expand(layers, 4, 4)
    return Rollout(attention, rollouts(attention), (2, 2))


def test_a_row_a_place_a_column_a_layer():
    figure = rollout_figure(PICTURE, made(), [(0, 0), (1, 1)])
    assert len(figure.axes) == 2 * 3 + 1
    first, second = (np.asarray(axes.images[0].get_array()) for axes in figure.axes[1:3])
    assert first.tolist() == [[0.5, 0.5], [0, 0]]
    assert second.tolist() == [[0.25, 0.5], [0.25, 0]]
    assert np.asarray(figure.axes[4].images[0].get_array()).tolist() == [[0, 0], [0, 1]]
    assert png_bytes(figure)


def test_of_many_layers_some_are_shown_with_the_first_and_the_last():
    figure = rollout_figure(PICTURE, made(22), [(0, 0)])
    texts = [text.get_text() for text in figure.texts]
    assert {"layers 0 to 0", "layers 0 to 21"} <= set(texts)
    assert len(figure.axes) == 1 + MOST_LAYERS + 1


@pytest.mark.parametrize("places", [[], [(2, 0)], [(0, -1)]])
def test_places_off_the_grid_are_refused(places):
    with pytest.raises(ValueError, match="are no places of a grid of 2 x 2"):
        rollout_figure(PICTURE, made(), places)
