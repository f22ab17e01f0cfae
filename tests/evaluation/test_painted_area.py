"""A mask that does not belong to its picture is refused in a sentence."""

import numpy as np
import pytest

from src.errors import UserError
from src.evaluation.painted_area import check_edit, check_mask

PICTURE = np.zeros((4, 6, 3), dtype=np.uint8)


def test_a_mask_of_the_pictures_size_passes():
    check_edit(PICTURE, PICTURE, np.zeros((4, 6), dtype=bool))


def test_a_mask_of_grey_levels_is_refused():
    """Of 255 and 0, `~` would make 0 and 255: everything would be outside."""
    with pytest.raises(UserError, match=r"Mask 3 holds uint8, not bool.*levels > 127"):
        check_mask(np.zeros((4, 6), dtype=np.uint8), PICTURE, "Mask 3")


@pytest.mark.parametrize("shape", [(6, 4), (4, 6, 1), (1, 6)])
def test_a_mask_of_another_size_is_refused(shape):
    with pytest.raises(UserError, match=r"is_painted has the shape .* picture \(4, 6, 3\)"):
        check_mask(np.zeros(shape, dtype=bool), PICTURE)


def test_pictures_of_two_shapes_are_refused():
    with pytest.raises(UserError, match=r"\(4, 6, 3\) and the real one \(4, 6, 4\)"):
        check_edit(PICTURE, np.zeros((4, 6, 4), dtype=np.uint8), np.zeros((4, 6), dtype=bool))


@pytest.mark.parametrize(
    "picture",
    [PICTURE / 255, PICTURE[..., 0], PICTURE[..., :2]],
    ids=["divided by 255", "grey", "two channels"],
)
def test_what_is_no_picture_in_8_bits_is_refused(picture):
    """Levels from 0 to 1 would be rounded to 0, and every seam with them."""
    is_painted = np.zeros((4, 6), dtype=bool)
    with pytest.raises(UserError, match="give uint8, from 0 to 255"):
        check_mask(is_painted, picture)
    with pytest.raises(UserError, match="give uint8, from 0 to 255"):
        check_edit(PICTURE, picture, is_painted)
