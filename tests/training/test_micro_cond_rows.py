"""A training can be told the truth of its pictures' size, crop and score, another's, or nothing."""

from collections import Counter

import pytest
import torch

from src.data.micro_cond import MicroCond
from src.training.micro_cond_rows import describe
from src.training.rows import TokenRows
from src.training.token_cache import EncodedScenes

NUM_ROWS = 200
USUAL = MicroCond.default(32, 32)


@pytest.fixture
def rows() -> TokenRows:
    """Rows whose every part tells their number."""
    number = torch.arange(NUM_ROWS)
    tokens = number[:, None, None].expand(-1, 2, 2)
    micro_cond = number[:, None].expand(-1, 5).float()
    return TokenRows(EncodedScenes(tokens, number[:, None].expand(-1, 3), micro_cond), seed=3)


def same_pictures_and_prompts(found, rows, numbers) -> bool:
    own = rows.samples(numbers)
    return bool((found.tokens == own.tokens).all() and (found.prompt_ids == own.prompt_ids).all())


def test_kept_is_the_rows_themselves(rows):
    assert describe(rows, "kept", USUAL, 3) is rows


def test_dropped_tells_every_picture_what_sampling_asks_for(rows):
    numbers = range(7, 20)
    found = describe(rows, "dropped", USUAL, 3).samples(numbers)
    assert found.micro_cond.tolist() == [list(USUAL)] * 13
    assert same_pictures_and_prompts(found, rows, numbers)


def test_shuffled_tells_of_another_row_and_of_every_row_once_an_epoch(rows):
    shuffled = describe(rows, "shuffled", USUAL, 3)
    for epoch in (0, 1):
        numbers = range(epoch * NUM_ROWS, (epoch + 1) * NUM_ROWS)
        found = shuffled.samples(numbers)
        assert same_pictures_and_prompts(found, rows, numbers)
        told, own = found.micro_cond[:, 0].tolist(), found.tokens[:, 0, 0].tolist()
        assert set(Counter(told).values()) == {1}
        assert len(told) == NUM_ROWS
        by_accident = sum(a == b for a, b in zip(told, own, strict=True))
        assert by_accident <= 8  # one is expected of a random order; 8 is beyond 1 in 100,000
    assert len(shuffled) == NUM_ROWS


def test_what_a_sample_is_told_depends_on_its_number_and_the_seed_alone(rows):
    whole = describe(rows, "shuffled", USUAL, 3).samples(range(40)).micro_cond
    parts = describe(rows, "shuffled", USUAL, 3)
    assert torch.equal(torch.cat([parts.samples([n]).micro_cond for n in range(40)]), whole)
    assert not torch.equal(
        describe(rows, "shuffled", USUAL, 4).samples(range(40)).micro_cond, whole
    )
