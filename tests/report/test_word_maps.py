"""Word maps are drawn where their names are, on one scale, the right way up."""

import numpy as np
import pytest
import torch

from src.interpret.word_maps import word_maps
from src.interpret.words import Words
from src.report.look import png_bytes
from src.report.word_maps import share_scale, word_overlays, word_rows

WORDS = Words(
    "a red sun", ("a", "red", "sun"), ((0, 1), (2, 5), (6, 9)), ((1,), (2, 3), (4,)), 5, 8
)
PICTURE = np.full((8, 8, 3), 200, dtype=np.uint8)


@pytest.fixture
def attention():
    """Of 2 x 2 tokens: all read the begin, but the upper right one, which reads "sun" alone."""
    found = torch.zeros(2, 2, 8)
    found[..., 0] = 1.0
    found[0, 1] = torch.eye(8)[4]
    return found


def titles(figure):
    return [text.get_text() for text in figure.texts]


def maps_on(axes):
    return np.asarray(axes.images[0].get_array())


def test_a_tile_a_word_stands_under_its_name_on_the_common_scale(attention):
    figure = word_overlays(PICTURE, word_maps(WORDS, attention))
    tiles = figure.axes[1:4]
    assert maps_on(tiles[2]).tolist() == [[0, 1], [0, 0]]
    assert maps_on(tiles[0]).max() == maps_on(tiles[1]).max() == 0
    limits = {tile.images[0].get_clim() for tile in tiles}
    assert limits == {(0.0, 1.0)}
    for name, tile in zip(WORDS.texts, tiles, strict=True):
        (text,) = [each for each in figure.texts if each.get_text() == name]
        place = tile.get_position()
        assert place.x0 < text.get_position()[0] < place.x1
        assert text.get_position()[1] > place.y1
        assert tile.get_ylim()[0] > tile.get_ylim()[1]  # row 0 on top
    assert png_bytes(figure)


def test_the_bars_are_all_that_is_read(attention):
    figure = word_overlays(PICTURE, word_maps(WORDS, attention))
    bars = figure.axes[-1]
    heights = [bar.get_height() for bar in bars.patches]
    names = [tick.get_text() for tick in bars.get_xticklabels()]
    assert names == ["(begin)", "a", "red", "sun", "(end)", "(padding)"]
    assert heights == [0.75, 0, 0, 0.25, 0, 0]


def test_a_row_a_step_a_column_a_word_and_what_is_around(attention):
    steps = torch.stack([attention, attention.flip(0)])
    figure = word_rows(word_maps(WORDS, steps), ["step 1", "step 2"])
    tiles = figure.axes[:12]
    assert maps_on(tiles[4]).tolist() == [[0, 1], [0, 0]]  # the third word's first step
    assert maps_on(tiles[5]).tolist() == [[0, 0], [0, 1]]
    assert maps_on(tiles[6]).tolist() == [[1, 0], [1, 1]]  # the begin
    assert tiles[4].get_position().y0 > tiles[5].get_position().y1
    assert {"sun", "(begin)", "(end)", "(padding)", "step 2"} <= set(titles(figure))
    with pytest.raises(ValueError, match="1 names for maps of shape"):
        word_rows(word_maps(WORDS, steps), ["step 1"])


@pytest.mark.parametrize(
    ("highest", "end"), [(0.0, 0.01), (0.12, 0.15), (0.2, 0.2), (0.51, 0.6), (0.9, 1.0)]
)
def test_the_scale_ends_at_a_number_of_few_digits(highest, end):
    assert share_scale(np.array([[0.0, highest]])).high == pytest.approx(end)
