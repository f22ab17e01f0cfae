"""What is said of a data set is what is wrong with it."""

import numpy as np
import pytest
import torch

from src.conditioning.glyph_tokenizer import build_tokenizer
from src.data.captioned import CaptionedPicture
from src.data.duplicates import Pair
from src.data.micro_cond import MicroCond
from src.evaluation.data_quality import caption_lengths, kept_by_tokens, row_shares, step_needs
from src.evaluation.psnr import psnr
from src.transformer.cost import Cost


def picture(caption: str, side: int = 64) -> CaptionedPicture:
    return CaptionedPicture(
        np.zeros((32, 32, 3), np.uint8), caption, MicroCond.default(side, 99), 0
    )


def test_every_share_counts_what_its_name_says():
    pictures = [picture("a"), picture("a"), picture("b"), picture("c", side=20)]
    doubles = [Pair(0, 1, 0.0), Pair(0, 2, 0.01)]
    found = row_shares(pictures, 1, doubles, [3, 9, 8, 4], picture_size=32, window=8)
    assert {each.name: (each.value, each.num_samples) for each in found} == {
        "bad rows": (0.2, 5),
        "pictures with a near double": (0.75, 4),
        "captions that stand more than once": (0.5, 4),
        "captions cut at the window": (0.25, 4),
        "pictures enlarged": (0.25, 4),
    }
    assert all(each.low <= each.value <= each.high for each in found)


def test_a_caption_is_as_long_as_its_ids_before_anything_is_cut():
    tokenizer = build_tokenizer(["a", "red", "heart"], window=8)
    lengths = caption_lengths([picture("a red heart"), picture("red " * 20)], tokenizer)
    assert lengths == [len(tokenizer("a red heart").input_ids), 22]  # begin and end of text


@pytest.mark.parametrize(("error", "decibels"), [(0.1, 20.0), (0.01, 40.0), (0.0, 100.0)])
def test_psnr_is_ten_times_the_log_of_one_over_the_square_error(error, decibels):
    pixels = torch.full((2, 3, 4, 4), 0.5)
    assert psnr(pixels, pixels + error).tolist() == pytest.approx([decibels] * 2, abs=1e-3)


def test_what_tokens_keep_is_a_mean_over_pictures():
    black, grey = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 51, np.uint8)  # a fifth
    found = kept_by_tokens([black] * 4, [grey] * 4)
    assert found.value == pytest.approx(-20 * np.log10(0.2), abs=1e-3)
    assert found.num_samples == 4


def test_memory_and_time_follow_from_the_cost():
    cost = Cost(num_parameters=10**9, picture_bytes=10**8, picture_flops=10**12)
    memory, step, epoch = step_needs(cost, 10, "adamw", 6000, 1e12, "preset")
    assert memory.value == 5 * 4 + 1.0
    assert step.value == 10.0
    assert epoch.value == 100.0  # 600 steps of 10 seconds, in minutes
