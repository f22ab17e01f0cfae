"""Prompt dropping drops whole prompts, with the probability of dropping."""

import pytest
import torch

from src.conditioning.dropout import drop_prompts
from src.conditioning.text import Text

NULL_TEXT = Text(torch.full((1, 3, 4), -1.0), torch.full((1, 2), -1.0))


def prompts(num_rows: int) -> Text:
    return Text(torch.ones(num_rows, 3, 4), torch.ones(num_rows, 2))


def dropped_rows(text: Text) -> torch.Tensor:
    return (text.pooled_text == -1).all(dim=1)


@pytest.mark.parametrize("drop_prob", [0.0, 0.1, 0.9, 1.0])
def test_the_probability_is_that_of_dropping(drop_prob):
    dropped = drop_prompts(prompts(10_000), NULL_TEXT, drop_prob, torch.Generator().manual_seed(0))
    assert dropped_rows(dropped).float().mean().item() == pytest.approx(drop_prob, abs=0.01)


def test_a_row_is_kept_or_replaced_as_a_whole():
    text = prompts(200)
    text.text_states[:, 1] = 0  # exactly zero features must not be replaced one by one
    text.pooled_text[:, 0] = 0
    dropped = drop_prompts(text, NULL_TEXT, 0.5, torch.Generator().manual_seed(0))
    is_dropped = dropped_rows(dropped)
    assert 0 < is_dropped.sum() < 200
    assert torch.equal(dropped.text_states[~is_dropped], text.text_states[~is_dropped])
    assert torch.equal(dropped.pooled_text[~is_dropped], text.pooled_text[~is_dropped])
    assert (dropped.text_states[is_dropped] == -1).all()


def test_one_seed_drops_the_same_rows():
    first, second = (
        drop_prompts(prompts(50), NULL_TEXT, 0.5, torch.Generator().manual_seed(7))
        for _ in range(2)
    )
    assert torch.equal(first.text_states, second.text_states)
