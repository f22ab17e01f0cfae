"""How many stay hidden: exact by hand-made fractions, upstream's by its own float32."""

import math
from fractions import Fraction

import torch

from src.masking.schedule import mask_ratio
from src.sampler.counts import exact_count, upstream_count


def masks(num_hidden: list[int], seq: int) -> torch.Tensor:
    return torch.arange(seq) < torch.tensor(num_hidden)[:, None]


def exact(num_start, num_now, seq, progress, schedule="cosine"):
    ratio = mask_ratio(torch.tensor(progress, dtype=torch.float64), schedule).item()
    return [exact_count(*counts, ratio) for counts in zip(num_start, num_now, strict=True)]


def upstream(num_start, num_now, seq, step, num_steps):
    masked, given = masks(num_now, seq), ~masks(num_start, seq)
    return upstream_count(masked, given, step, num_steps, "cosine").tolist()


def test_two_thirds_of_the_way_leaves_exactly_half():
    for num_steps in range(3, 300, 3):
        for seq in (2, 64, 256, 1024, 4096, 9216):
            progress = (num_steps * 2 // 3) / num_steps
            assert exact([seq], [seq], seq, progress) == [seq // 2]


def test_float32_leaves_one_less_than_half():
    assert upstream([256], [256], 256, 8, 12) == [127]
    assert upstream([1024], [1024], 1024, 8, 12) == [511]


def test_a_straight_schedule_equals_whole_number_arithmetic():
    for num_steps in range(1, 41):
        for step in range(1, num_steps):
            for seq in (60, 256):
                wanted = max(1, math.floor(seq * (1 - Fraction(step, num_steps))))
                assert exact([seq], [seq], seq, step / num_steps, "linear") == [wanted]


def test_at_least_one_is_settled_and_at_least_one_waits():
    assert exact([16], [5], 16, 0.01) == [4]
    assert exact([16], [5], 16, 0.99) == [1]
    assert exact([16], [1], 16, 0.5) == [1]


def test_where_nothing_is_hidden_nothing_is_scheduled():
    assert exact([0, 8], [0, 8], 8, 0.5) == [0, 5]
    assert upstream([0, 8], [0, 8], 8, 1, 2) == [0, 5]


def test_the_schedule_counts_from_what_was_hidden_at_the_start():
    assert exact([100, 50], [100, 50], 100, 2 / 3) == [50, 25]
    assert upstream([100, 50], [100, 50], 100, 1, 2) == [70, 35]
