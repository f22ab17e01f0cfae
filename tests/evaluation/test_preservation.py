"""What is kept is measured outside the mask, whatever happens inside."""

import math

import numpy as np
import pytest
import torch

from src.errors import UserError
from src.evaluation.preservation import num_changed_outside, outside_psnr
from src.evaluation.psnr import psnr

IS_PAINTED = np.zeros((6, 8), dtype=bool)
IS_PAINTED[1:4, 2:5] = True


@pytest.fixture(params=[3, 4], ids=["RGB", "RGBA"])
def real(request):
    rng = np.random.default_rng(0)
    return rng.integers(20, 200, (6, 8, request.param), dtype=np.uint8)


def test_what_happens_inside_does_not_count(real):
    edited = real.copy()
    edited[IS_PAINTED] = 255 - edited[IS_PAINTED]
    assert num_changed_outside(edited, real, IS_PAINTED) == 0
    assert outside_psnr(edited, real, IS_PAINTED) == pytest.approx(100)


def test_a_pixel_counts_once_however_many_channels_changed(real):
    edited = real.copy()
    edited[0, 0] += 1
    edited[5, 7, -1] += 1
    edited[2, 3] += 1  # inside
    assert num_changed_outside(edited, real, IS_PAINTED) == 2
    assert num_changed_outside(edited, real, np.zeros_like(IS_PAINTED)) == 3


@pytest.mark.parametrize(("levels", "decibels"), [(1, 48.131), (51, 13.979)])
def test_psnr_of_an_even_error_outside(real, levels, decibels):
    edited = real + np.uint8(levels)  # at most 250: none wraps around
    edited[IS_PAINTED] = 0
    assert outside_psnr(edited, real, IS_PAINTED) == pytest.approx(decibels, abs=1e-3)
    assert outside_psnr(real, edited, IS_PAINTED) == pytest.approx(decibels, abs=1e-3)
    assert decibels == pytest.approx(20 * math.log10(255 / levels), abs=1e-3)


def test_with_nothing_painted_it_is_the_psnr_of_pictures():
    pictures = np.random.default_rng(1).integers(0, 256, (2, 6, 8, 3), dtype=np.uint8)
    before, after = torch.from_numpy(pictures).permute(0, 3, 1, 2).double().float().split(1)
    expected = psnr(before / 255, after / 255).item()
    found = outside_psnr(pictures[0], pictures[1], np.zeros_like(IS_PAINTED))
    assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("measure", [num_changed_outside, outside_psnr])
def test_a_full_mask_and_sizes_that_differ_are_refused(measure, real):
    with pytest.raises(UserError, match="True for all 48 pixels"):
        measure(real, real, np.ones_like(IS_PAINTED))
    with pytest.raises(UserError, match="must be of one size"):
        measure(real, real[:5], IS_PAINTED)
    with pytest.raises(UserError, match="as large as the picture"):
        measure(real, real, IS_PAINTED.T)


def test_rgb_is_not_compared_with_rgba():
    with pytest.raises(UserError, match="both RGB or both RGBA"):
        num_changed_outside(
            np.zeros((6, 8, 3), dtype=np.uint8), np.zeros((6, 8, 4), dtype=np.uint8), IS_PAINTED
        )
