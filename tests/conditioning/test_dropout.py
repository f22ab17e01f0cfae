"""Prompt dropping drops whole prompts, with the probability of dropping."""

import pytest
import torch

from src.conditioning.dropout import draw_dropped, drop_prompts
from src.conditioning.text import Text

NULL_TEXT = Text(torch.full((1, 3, 4), -1.0), torch.full((1, 2), -1.0))


def drawn(num_rows: int, drop_prob: float, **settings) -> torch.Tensor:
    return draw_dropped(num_rows, drop_prob, torch.Generator().manual_seed(0), **settings)


@pytest.mark.parametrize("drop_prob", [0.0, 0.1, 0.9, 1.0])
def test_the_probability_is_that_of_dropping(drop_prob):
    share = drawn(10_000, drop_prob).float().mean().item()
    assert share == pytest.approx(drop_prob, abs=0.01)


def test_the_released_script_keeps_with_that_probability():
    is_dropped = drawn(10_000, 0.1, is_inverted=True)
    assert is_dropped.float().mean().item() == pytest.approx(0.9, abs=0.01)
    assert torch.equal(is_dropped, ~drawn(10_000, 0.1))


def test_a_row_is_kept_or_replaced_as_a_whole():
    text = Text(torch.ones(200, 3, 4), torch.ones(200, 2))
    text.text_states[:, 1] = 0  # exactly zero features must not be replaced one by one
    text.pooled_text[:, 0] = 0
    is_dropped = drawn(200, 0.5)
    told = drop_prompts(text, NULL_TEXT, is_dropped)
    assert 0 < is_dropped.sum() < 200
    for found, before in zip(told, text, strict=True):
        assert torch.equal(found[~is_dropped], before[~is_dropped])
        assert (found[is_dropped] == -1).all()


def test_one_seed_drops_the_same_rows():
    assert torch.equal(drawn(50, 0.5), drawn(50, 0.5))
