"""A seam is a jump that stands at the border of the painted area, and nowhere else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.errors import UserError
from src.evaluation.seam import gradient_jump, seam_score

SIDE = 12


def flat(level=100, height=SIDE, width=SIDE):
    return np.full((height, width, 3), level, dtype=np.uint8)


def right_of(column, height=SIDE, width=SIDE):
    return np.broadcast_to(np.arange(width) >= column, (height, width)).copy()


def box(top=4, bottom=8, left=3, right=9):
    is_painted = np.zeros((SIDE, SIDE), dtype=bool)
    is_painted[top:bottom, left:right] = True
    return is_painted


def noise(seed, height=SIDE, width=SIDE):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def jump_as_written(picture, is_painted):
    """The definition, pixel by pixel in floating point."""
    jumps = []
    for values, mask in (
        (picture.astype(float), is_painted),
        (picture.astype(float).transpose(1, 0, 2), is_painted.T),
    ):
        for line, painted in zip(values, mask, strict=True):
            for i in range(1, len(line) - 2):
                if painted[i] != painted[i + 1]:
                    beside = ((line[i] - line[i - 1]) + (line[i + 2] - line[i + 1])) / 2
                    jumps.append(np.abs(line[i + 1] - line[i] - beside).mean())
    return np.mean(jumps)


def test_a_smooth_ramp_has_no_seam():
    ramp = flat(0)
    ramp += (7 * np.arange(SIDE) + 11 * np.arange(SIDE)[:, None]).astype(np.uint8)[..., None]
    assert gradient_jump(ramp, box()) == 0


def test_identical_pictures_score_0():
    picture = noise(0)
    assert gradient_jump(picture, box()) > 50
    assert seam_score(picture, picture.copy(), box()) == 0


@pytest.mark.parametrize("height", [1, 37, 255, -60])
def test_a_step_at_the_border_gives_its_height(height):
    """From 0 to 255 too: 8-bit differences would wrap around."""
    start = 0 if height > 0 else 60
    stepped = flat(start)
    stepped[:, 5:] = start + height
    assert gradient_jump(stepped, right_of(5)) == abs(height)
    assert seam_score(stepped, flat(start), right_of(5)) == abs(height)
    assert seam_score(flat(start), stepped, right_of(5)) == -abs(height)


@pytest.mark.parametrize(("column", "share"), [(2, 0), (3, 0), (4, 0.5), (6, 0.5), (7, 0), (9, 0)])
def test_a_step_elsewhere_does_not_count_and_one_beside_the_border_half(column, share):
    stepped = flat()
    stepped[:, column:] += 40
    assert gradient_jump(stepped, right_of(5)) == 40 * share


def test_channels_are_averaged():
    stepped = flat()
    stepped[:, 5:, 1] += 30
    assert gradient_jump(stepped, right_of(5)) == 10


def test_a_line_one_pixel_wide_is_seen_from_both_sides():
    line = flat()
    line[:, 5] += 20
    is_painted = right_of(5) & ~right_of(6)
    assert gradient_jump(line, is_painted) == 30
    is_painted[:] = False
    is_painted[6, 6] = True  # a single pixel has four borders
    assert gradient_jump(noise(3), is_painted) == pytest.approx(
        jump_as_written(noise(3), is_painted)
    )


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(4, 9), st.integers(4, 9))
def test_it_is_the_definition_and_does_not_know_up_from_left(seed, height, width):
    picture = noise(seed, height, width)
    is_painted = np.random.default_rng(seed).random((height, width)) < 0.5
    is_painted[1:3, 1:3] = np.eye(2, dtype=bool)  # at least one border away from the edge
    found = gradient_jump(picture, is_painted)
    assert found == pytest.approx(jump_as_written(picture, is_painted))
    assert gradient_jump(picture.transpose(1, 0, 2), is_painted.T) == found
    assert gradient_jump(picture, ~is_painted) == found


@pytest.mark.parametrize(
    ("is_painted", "count"),
    [
        (np.zeros((SIDE, SIDE), dtype=bool), "0 of 144"),
        (np.ones((SIDE, SIDE), dtype=bool), "144 of 144"),
        (right_of(SIDE - 1), "12 of 144"),  # a border, but one pixel from the edge
    ],
)
def test_no_border_to_measure_is_refused(is_painted, count):
    with pytest.raises(UserError, match=f"True for {count} pixels, and no border"):
        gradient_jump(flat(), is_painted)


def test_sizes_that_differ_are_refused():
    with pytest.raises(UserError, match="must be of one size"):
        seam_score(flat(), flat(width=SIDE - 1), box())
    with pytest.raises(UserError, match="as large as the picture"):
        gradient_jump(flat(height=SIDE - 1), box())
