"""Every picture stands at its part and depth, with the share that is changed."""

import numpy as np
import pytest
import torch

from src.interpret.clip_lens import ClipLens
from src.report.clip_lens import clip_lens_figure


@pytest.fixture(scope="module")
def lens():
    token_ids = torch.zeros(3, 2, 2, 2, dtype=torch.long)
    token_ids[1, 0, 0] = 5  # half of the picture
    return ClipLens("a red star", (1, 4), token_ids, torch.zeros(2, 2, dtype=torch.long))


def shade(value):
    return np.full((4, 4, 3), value, dtype=np.uint8)


def test_pictures_stand_in_rows_of_parts_and_columns_of_depths(lens):
    pictures = [[shade(10 * row + column) for column in range(2)] for row in range(3)]
    figure = clip_lens_figure(pictures, shade(99), lens, "seed 3")
    shown = [int(axes.images[0].get_array()[0, 0, 0]) for axes in figure.axes]
    assert shown == [0, 1, 10, 11, 20, 21, 99]
    said = [text.get_text() for text in figure.texts]
    assert [each for each in said if "changed" in each] == [
        "0% changed",
        "0% changed",
        "50% changed",
        "0% changed",
        "0% changed",
        "0% changed",
    ]
    assert {"a red star", "seed 3", "depth 1", "depth 4", "as ever"} <= set(said)


def test_a_picture_that_is_missing_is_told(lens):
    with pytest.raises(ValueError, match="give 3 rows of 2 pictures"):
        clip_lens_figure([[shade(0)] * 2] * 2, shade(0), lens)
