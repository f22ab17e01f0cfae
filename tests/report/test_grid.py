"""Grids show every picture where its label says it is."""

import io

import numpy as np
import pytest
from PIL import Image

from src.report.grid import labelled_grid, picture_grid
from src.report.look import png_bytes


def plain(*color):
    return np.full((4, 4, 3), color, dtype=np.uint8)


def drawn(figure):
    with Image.open(io.BytesIO(png_bytes(figure))) as picture:
        return np.asarray(picture.convert("RGB"))


def center_of(axes, pixels):
    """The drawn colour in the middle of one picture of the figure."""
    place = axes.get_position()
    height, width = pixels.shape[:2]
    return tuple(
        pixels[
            int(height * (1 - (place.y0 + place.y1) / 2)), int(width * (place.x0 + place.x1) / 2)
        ]
    )


def texts(figure):
    return [each.get_text() for each in figure.texts]


def test_pictures_run_row_by_row_in_their_own_colours_above_their_prompts():
    colors = [(250, 0, 0), (0, 250, 0), (0, 0, 250)]
    figure = picture_grid([plain(*c) for c in colors], ["red", "green", "blue"], columns=2)
    pixels = drawn(figure)
    assert [center_of(axes, pixels) for axes in figure.axes] == colors
    assert {"red", "green", "blue"} <= set(texts(figure))
    first, second, third = (axes.get_position() for axes in figure.axes)
    assert first.x1 < second.x0
    assert third.y1 < first.y0
    assert third.x0 == pytest.approx(first.x0)


def test_verdicts_are_counted_and_marked_by_shape():
    figure = picture_grid(3 * [plain(9, 9, 9)], list("abc"), is_right=[True, False, True])
    assert "2 of 3 as asked" in texts(figure)
    assert [text for text in texts(figure) if text in "✓✗" and text] == ["✓", "✗", "✓"]


def test_no_prompt_is_cut_however_many_lines_it_takes():
    prompt = "a picture of a small blue flower to the left of a large blue flower on black"
    figure = picture_grid([plain(9, 9, 9)], [prompt])
    assert prompt in [text.replace("\n", " ") for text in texts(figure)]


def test_the_size_follows_from_rows_and_columns_alone():
    one = picture_grid([plain(0, 0, 0)] * 4, ["a"] * 4, columns=4).get_size_inches()
    other = picture_grid([np.zeros((64, 64, 3), np.uint8)] * 4, ["b"] * 4, columns=4)
    assert tuple(one) == tuple(other.get_size_inches())
    two_rows = picture_grid([plain(0, 0, 0)] * 8, ["a"] * 8, columns=4).get_size_inches()
    assert two_rows[0] == one[0]
    assert two_rows[1] > 1.8 * one[1] - 1


def test_a_labelled_grid_puts_each_setting_beside_its_pictures():
    rows = [[plain(200, 10 * r, 10 * c) for c in range(3)] for r in range(2)]
    figure = labelled_grid(rows, ["5 steps", "10 steps"], ["1", "2", "4"], "Steps", "seed 7")
    pixels = drawn(figure)
    found = [center_of(axes, pixels) for axes in figure.axes]
    assert found == [(200, 10 * r, 10 * c) for r in range(2) for c in range(3)]
    heights = {text.get_text(): text.get_position()[1] for text in figure.texts}
    for row, name in enumerate(["5 steps", "10 steps"]):
        place = figure.axes[3 * row].get_position()
        assert place.y0 < heights[name] < place.y1
    assert {"Steps", "seed 7", "1", "2", "4"} <= set(heights)


def test_a_missing_label_is_refused():
    with pytest.raises(ValueError, match="1 prompts for 2 pictures"):
        picture_grid([plain(0, 0, 0)] * 2, ["one"])
    with pytest.raises(ValueError, match="0 prompts for 0 pictures"):
        picture_grid([], [])
    with pytest.raises(ValueError, match="2 column labels for 1 pictures"):
        labelled_grid([[plain(0, 0, 0)]], ["a"], ["1", "2"])
