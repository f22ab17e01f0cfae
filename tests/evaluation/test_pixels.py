"""The border of the evaluation takes 8-bit pictures and nothing else."""

import numpy as np
import pytest
from PIL import Image

from src.errors import UserError
from src.evaluation.pixels import stack_pixels


def test_pillow_pictures_and_arrays_give_the_same_pixels(pictures):
    assert np.array_equal(stack_pixels([Image.fromarray(p) for p in pictures]), pictures)
    assert np.array_equal(stack_pixels(list(pictures)), pictures)


def test_pictures_divided_by_255_are_refused(pictures):
    with pytest.raises(UserError, match=r"Picture 0 holds float32, not uint8"):
        stack_pixels((pictures / 255).astype(np.float32))


def test_pictures_of_two_sizes_are_refused(pictures):
    with pytest.raises(UserError, match="Picture 1 measures 16x8, picture 0 measures 16x16"):
        stack_pixels([pictures[0], pictures[1, :8]])


def test_no_pictures_and_gray_pictures_are_refused(pictures):
    with pytest.raises(UserError, match="no pictures"):
        stack_pixels([])
    with pytest.raises(UserError, match=r"shape \(16, 16\)"):
        stack_pixels([pictures[0, :, :, 0]])
