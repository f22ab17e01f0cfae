"""Drop maps: a sign is a colour, nothing hidden is grey, and bars are the mean effects."""

import numpy as np
import torch
from matplotlib.colors import to_hex

from src.interpret.word_drop import WordDrop
from src.interpret.words import Words
from src.report.look import png_bytes
from src.report.word_drop import AGAINST, FOR, word_drop_figure

WORDS = Words("red sun", ("red", "sun"), ((0, 3), (4, 7)), ((1,), (2,)), 3, 8)
PICTURE = np.full((8, 8, 3), 200, dtype=np.uint8)


def made():
    is_hidden = torch.tensor([[[True, True], [True, False]]])
    change = torch.tensor([[[[4.0, 0.0], [2.0, 0.0]], [[0.0, -3.0], [0.0, 0.0]]]])
    return WordDrop(WORDS, ((0,), (1,)), change, change.abs(), is_hidden)


def test_maps_are_centred_at_0_and_shown_tokens_are_left_out():
    figure = word_drop_figure(PICTURE, made())
    red, sun = (axes.images[0] for axes in figure.axes[1:3])
    assert red.get_array().filled(9).tolist() == [[4, 0], [2, 9]]
    assert sun.get_array().filled(9).tolist() == [[0, -3], [0, 9]]
    assert red.get_clim() == sun.get_clim() == (-5, 5)
    assert png_bytes(figure)


def test_the_bars_are_the_mean_effects_coloured_by_their_sign():
    bars = word_drop_figure(PICTURE, made()).axes[-1].patches
    assert [bar.get_height() for bar in bars] == [2, -1]
    assert [to_hex(bar.get_facecolor()) for bar in bars] == [FOR, AGAINST]
