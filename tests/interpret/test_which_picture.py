"""A picture is named by its number, and by nothing else."""

import pytest

from src.errors import UserError
from src.interpret.which_picture import check_picture


@pytest.mark.parametrize("picture", [0, 1])
def test_each_number_of_a_picture_is_one(picture):
    check_picture(picture, 2)


@pytest.mark.parametrize("picture", [2, -1, True, 0.0, "0", None])
def test_all_else_is_refused(picture):
    with pytest.raises(UserError, match=r"picture=.* is not there; this generation has 2, from 0"):
        check_picture(picture, 2)
