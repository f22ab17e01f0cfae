import math

import pytest
import torch

from src.masking.config import MaskingConfig
from src.masking.corrupt import hide_tokens
from src.training.baselines import NOTHING_VISIBLE, CodeCounts, copy_nearest


def test_the_unigram_entropy_is_the_closed_form():
    counts = CodeCounts.of(6)
    counts.update(torch.tensor([0, 0, 0, 0, 1, 1]))
    counts.update(torch.tensor([2, 3]))
    assert counts.entropy == pytest.approx(1.75 * math.log(2))
    assert counts.perplexity == pytest.approx(2**1.75)
    assert counts.usage == pytest.approx(4 / 6)
    bits = (counts.losses / math.log(2)).tolist()
    assert bits == pytest.approx([1, 2, 3, 3, math.inf, math.inf])


def test_equally_frequent_codes_have_the_entropy_of_their_number():
    counts = CodeCounts.of(32)
    counts.update(torch.arange(32).repeat(5))
    assert counts.entropy == pytest.approx(math.log(32))
    assert counts.usage == 1.0


HIDDEN = 9


@pytest.mark.parametrize(
    ("shown", "copied"),
    [
        ([[1, 9, 9], [9, 9, 9], [9, 9, 2]], [[1, 1, 1], [1, 1, 2], [1, 2, 2]]),  # ties: as read
        ([[9, 9, 9], [9, 5, 9], [7, 9, 9]], [[5, 5, 5], [5, 5, 5], [7, 5, 5]]),
        ([[9, 3, 9], [9, 9, 9], [4, 9, 9]], [[3, 3, 3], [4, 3, 3], [4, 4, 4]]),
        ([[1, 2, 3], [4, 5, 6], [7, 8, 0]], [[1, 2, 3], [4, 5, 6], [7, 8, 0]]),
        ([[9, 9, 9], [9, 9, 9], [9, 9, 9]], [[NOTHING_VISIBLE] * 3] * 3),
    ],
)
def test_the_nearest_visible_code_on_grids_by_hand(shown, copied):
    token_ids = torch.tensor([shown])
    assert copy_nearest(token_ids, token_ids == HIDDEN).tolist() == [copied]


def test_every_picture_of_a_batch_is_copied_from_itself_whatever_the_grid(rng):
    token_ids = torch.randint(HIDDEN, (19, 3, 5), generator=rng)
    shown, _, is_masked = hide_tokens(token_ids, HIDDEN, MaskingConfig(), rng)
    together = copy_nearest(shown, is_masked)
    for row in range(19):
        alone = copy_nearest(shown[row : row + 1], is_masked[row : row + 1])[0]
        assert torch.equal(together[row], alone)
        for place in range(15):
            places = [each for each in range(15) if not is_masked[row].flatten()[each]]
            if not places:
                continue
            near = min(
                places,
                key=lambda each: (
                    (each // 5 - place // 5) ** 2 + (each % 5 - place % 5) ** 2,
                    each,
                ),
            )
            assert alone.flatten()[place] == token_ids[row].flatten()[near]
