"""Micro-conditions reach the transformer in upstream's order, and only by name."""

import pytest
import torch

from src.conditioning.micro import micro_cond_rows
from src.data.micro_cond import MicroCond
from src.errors import UserError

NAMED = MicroCond(
    original_width=640, original_height=480, crop_top=30, crop_left=70, aesthetic_score=5.5
)


def test_the_order_is_width_height_top_left_score():
    assert micro_cond_rows(NAMED, 1).tolist() == [[640, 480, 30, 70, 5.5]]


def test_names_survive_the_way_into_a_row_and_back():
    assert MicroCond(*micro_cond_rows(NAMED, 1)[0].tolist()) == NAMED


def test_one_serves_all_prompts():
    assert micro_cond_rows(NAMED, 3).tolist() == [list(NAMED)] * 3


def test_the_default_is_the_whole_picture_with_score_six():
    assert micro_cond_rows(MicroCond.default(width=64, height=32), 1).tolist() == [
        [64, 32, 0, 0, 6]
    ]


def test_large_sizes_are_exact():
    row = micro_cond_rows(NAMED._replace(original_width=4097), 1)
    assert row.dtype == torch.float32
    assert row[0, 0] == 4097


@pytest.mark.parametrize(
    ("micro_cond", "sentence"),
    [
        ((640, 480, 30, 70, 5.5), "no names"),
        ([(640, 480, 30, 70, 5.5)], "no names"),
        ("big", "no names"),
        (7, "no names"),
        ([NAMED, NAMED, NAMED], "3 entries for 2 prompts"),
        (NAMED._replace(crop_top=float("nan")), "micro_cond.crop_top=nan"),
        (NAMED._replace(original_width="wide"), "micro_cond.original_width='wide'"),
        (NAMED._replace(crop_left=-1), "micro_cond.crop_left=-1"),
        (
            NAMED._replace(original_width=1e39),
            "micro_cond.original_width=1e\\+39",
        ),  # inf in float32
    ],
)
def test_anything_else_is_refused(micro_cond, sentence):
    with pytest.raises(UserError, match=sentence):
        micro_cond_rows(micro_cond, 2)
