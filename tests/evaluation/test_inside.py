"""The square around a painted area, and the CLIP score of what stands in it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from src.errors import UserError
from src.evaluation.clip_score import clip_score
from src.evaluation.inside import clip_score_inside, inside_crops, square_around


def painted(height, width, top, bottom, left, right):
    is_painted = np.zeros((height, width), dtype=bool)
    is_painted[top:bottom, left:right] = True
    return is_painted


@pytest.mark.parametrize(
    ("place", "margin", "square"),
    [
        ((40, 50, 40, 50), 0.0, (40, 40, 50, 50)),
        ((40, 50, 40, 50), 0.1, (39, 39, 51, 51)),
        ((20, 70, 20, 70), 0.14, (13, 13, 77, 77)),  # 7 pixels, though 0.14 * 50 is above 7
        ((40, 41, 60, 61), 0.1, (59, 39, 62, 42)),  # a tenth of a pixel is a pixel
        ((40, 42, 40, 50), 0.0, (40, 36, 50, 46)),  # a flat area in the square's middle
        ((0, 10, 90, 100), 0.2, (86, 0, 100, 14)),  # moved inside, and not cut
        ((0, 100, 30, 40), 0.1, (0, 0, 100, 100)),  # no room: the whole picture
    ],
)
def test_the_smallest_square_that_holds_the_area_and_its_margin(place, margin, square):
    assert square_around(painted(100, 100, *place), margin) == square


def test_in_a_wide_picture_it_is_as_tall_as_the_picture():
    assert square_around(painted(20, 100, 5, 15, 30, 70), 0.0) == (30, 0, 70, 20)


def test_two_areas_far_apart_stand_in_one_square():
    is_painted = painted(100, 100, 10, 12, 10, 12) | painted(100, 100, 50, 60, 20, 30)
    left, top, right, bottom = square_around(is_painted, 0.0)
    assert (top, bottom) == (10, 60)
    assert right - left == 50


@given(
    st.integers(1, 30),
    st.integers(1, 30),
    st.sets(st.tuples(st.integers(0, 29), st.integers(0, 29)), min_size=1, max_size=4),
    st.floats(0, 10),
)
def test_it_holds_every_painted_pixel_and_lies_inside(height, width, places, margin):
    is_painted = np.zeros((height, width), dtype=bool)
    for row, column in places:
        is_painted[row % height, column % width] = True
    left, top, right, bottom = square_around(is_painted, margin)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert is_painted[top:bottom, left:right].sum() == is_painted.sum()
    sides = right - left, bottom - top
    assert sides[0] == sides[1] or min(sides) in (width, height)


def test_an_empty_mask_and_impossible_margins_are_refused():
    with pytest.raises(UserError, match="is_painted is False for all 12 pixels"):
        square_around(np.zeros((3, 4), dtype=bool))
    for margin in (-0.1, float("nan"), 11.0):
        with pytest.raises(UserError, match=r"margin=.* is impossible"):
            square_around(np.ones((3, 4), dtype=bool), margin)


def test_crops_are_cut_out_of_their_own_pictures(pictures):
    masks = np.zeros((2, 16, 16), dtype=bool)
    masks[0, 2:6, 8:12] = masks[1, 9, 9] = True
    first, second = inside_crops([Image.fromarray(pictures[0]), pictures[1]], masks, 0.0)
    assert np.array_equal(np.asarray(first), pictures[0, 2:6, 8:12])
    assert np.array_equal(np.asarray(second), pictures[1, 9:10, 9:10])


def test_with_all_painted_it_is_the_score_of_the_pictures(clip, pictures, captions, draws):
    masks = np.ones(pictures.shape[:3], dtype=bool)
    inside = clip_score_inside(pictures, masks, captions, clip, draws)
    whole = clip_score(pictures, captions, clip, np.random.default_rng(1))
    assert inside.value == pytest.approx(whole.value, abs=1e-4)
    assert inside.name == "CLIP score inside[tiny-clip]"
    assert inside.num_samples == 11
    assert inside.weights_hash == whole.weights_hash
    assert "margin of 10 % on each side, brought to 16x16 pixels" in inside.small_print


def test_what_lies_outside_the_square_does_not_count(clip, pictures, captions, draws):
    masks = np.zeros(pictures.shape[:3], dtype=bool)
    masks[:, 4:8, 6:10] = True

    def score(drawn):
        rng = np.random.default_rng(0)
        return clip_score_inside(drawn, masks, captions, clip, rng, margin=0.25).value

    outside, inside = pictures.copy(), pictures.copy()
    outside[:, :3] = outside[:, :, :5] = 0
    inside[:, 3] = 0  # the margin's first row
    assert score(outside) == score(pictures)
    assert score(inside) != score(pictures)


def test_squares_take_the_largest_ones_side_and_the_numbers_are_those_of_clip_score(
    clip, pictures, captions, draws
):
    masks = np.zeros((2, 16, 16), dtype=bool)
    masks[0, :12, :12] = masks[1, 4:8, 4:8] = True
    measured = clip_score_inside(
        pictures[:2], masks, captions[:2], clip, draws, 0.0, "edits", confidence=0.3
    )
    small = Image.fromarray(pictures[1, 4:8, 4:8]).resize((12, 12), Image.Resampling.BICUBIC)
    expected = clip_score([pictures[0, :12, :12], np.asarray(small)], captions[:2], clip, draws)
    assert measured.value == pytest.approx(expected.value, abs=1e-4)
    assert "12x12" in measured.note
    assert measured.subject == "edits"
    assert measured.high - measured.low < expected.high - expected.low


def test_what_does_not_belong_together_is_refused(clip, pictures, captions, draws):
    masks = np.ones((11, 16, 16), dtype=bool)
    with pytest.raises(UserError, match="10 masks for 11 pictures"):
        inside_crops(pictures, masks[:10])
    with pytest.raises(UserError, match=r"Mask 0 has the shape \(15, 16\)"):
        inside_crops(pictures, masks[:, 1:])
    with pytest.raises(UserError, match="Mask 0 holds uint8"):
        inside_crops(pictures, masks.astype(np.uint8))
    with pytest.raises(UserError, match="10 captions for 11 pictures"):
        clip_score_inside(pictures, masks, captions[:10], clip, draws)
    masks[7] = False
    with pytest.raises(UserError, match="Mask 7 is False for all"):
        clip_score_inside(pictures, masks, captions, clip, draws)
