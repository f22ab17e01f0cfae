"""Each kind of argument is what it should be, and nothing else; a refusal says what would do."""

import pytest
import torch

from src.errors import UserError
from src.interpret.checked import (
    check_canvas,
    check_count,
    check_grid,
    check_guidance_scale,
    check_picture,
    check_share,
    check_step,
    check_text,
    checked_positions,
)

CANVAS = torch.tensor([[[0, 31], [39, 5]]])  # 32 codes; 39 = hidden
TEXT = "which is no text; give one"


@pytest.mark.parametrize("picture", [0, 1])
def test_each_number_of_a_picture_is_one(picture):
    check_picture(picture, 2)


@pytest.mark.parametrize("picture", [2, -1, True, 0.0, "0", None])
def test_all_else_is_refused(picture):
    with pytest.raises(UserError, match=r"picture=.* is not there; this generation has 2, from 0"):
        check_picture(picture, 2)


def test_what_is_right_passes(tiny):
    check_step(4, 4)
    check_count("num_bins", 3, most=3)
    check_share("mask_ratio", 1)
    check_text("prompt", "")
    check_canvas(tiny, CANVAS)
    check_canvas(tiny, CANVAS[0], num_dims=2)
    assert checked_positions("places", iter([(7, 0)]), (8, 8)) == [(7, 0)]
    for scale in (0, 0.5, 1e6):
        check_guidance_scale(scale)
    check_guidance_scale(None, or_none=True)


@pytest.mark.parametrize(
    ("check", "wrong", "right"),
    [
        (lambda x: check_step(x, 4), [0, -1, 5, "1", True], "the trace has 1 to 4"),
        (lambda x: check_count("n", x, 9), [0, 10, 1.5, "x", None, True], "whole number from 1 to"),
        (lambda x: check_share("r", x), [0, 1.1, "x", None, float("nan"), True], "share above 0"),
        (check_guidance_scale, [-1, 1e38, float("nan"), "2", None, True], "from 0 to 1,000,000"),
        (lambda x: check_text("prompt", x), [5, None, ["a"], "\ud800"], TEXT),
        (
            lambda x: checked_positions("places", x, (8, 8)),
            [[], "ab", 3, None],
            "holds no position",
        ),
        (
            lambda x: checked_positions("places", x, (8, 8)),
            [[3], [(1.0, 2)], [(8, 0)], [(0, -1)], [(1, 2, 3)], [(True, 0)]],
            r"places has the position .*; give \(row, column\) from \(0, 0\) to \(7, 7\)",
        ),
        (
            lambda x: check_grid("token_ids", x),
            [CANVAS.float(), CANVAS[0], CANVAS[:0], CANVAS.bool(), "x", None, 3],
            "give whole numbers .* pictures x height x width",
        ),
    ],
)
def test_what_is_wrong_is_refused(check, wrong, right):
    for value in wrong:
        with pytest.raises(UserError, match=right):
            check(value)


@pytest.mark.parametrize("token_id", [-1, 32, 38, 40, 300])
def test_a_canvas_holds_codes_and_the_mask_id_alone(tiny, token_id):
    canvas = CANVAS.clone()
    canvas[0, 1, 0] = token_id
    with pytest.raises(UserError, match=rf"token_ids holds {token_id} at \(0, 1, 0\); a code lies"):
        check_canvas(tiny, canvas)
