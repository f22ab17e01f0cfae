"""Figures are files that depend on nothing but what they show."""

import io

import numpy as np
import pytest
from PIL import Image

from src.errors import UserError
from src.report.grid import picture_grid
from src.report.look import DOTS_PER_INCH, new_figure, png_bytes, save_figure, wrapped

PICTURE = np.full((8, 8, 3), 200, dtype=np.uint8)


def test_drawing_the_same_twice_gives_the_same_bytes():
    first, again = (png_bytes(picture_grid([PICTURE], ["a red star"])) for _ in range(2))
    assert first == again


def test_a_png_tells_neither_date_nor_program():
    with Image.open(io.BytesIO(png_bytes(new_figure(1.0, 1.0)))) as picture:
        assert set(picture.info) <= {"dpi"}


def test_a_figure_has_exactly_the_size_it_was_given(tmp_path):
    with Image.open(save_figure(new_figure(3.0, 2.0), tmp_path / "empty.png")) as picture:
        assert picture.size == (3 * DOTS_PER_INCH, 2 * DOTS_PER_INCH)


def test_a_figure_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(UserError, match="taken"):
        save_figure(new_figure(1.0, 1.0), tmp_path / "taken" / "figure.png")


def test_long_text_is_broken_to_the_width_and_only_cut_after_the_last_line():
    text = "a large red umbrella above a small blue anchor on a yellow background"
    assert wrapped(text, 1.5).replace("\n", " ") == text
    assert max(map(len, wrapped(text, 1.5).splitlines())) <= 26
    assert wrapped(text, 1.5, max_lines=1).endswith("…")
