import pytest
import torch
from torch.nn import functional

from src.conditioning.dropout import draw_dropped, drop_prompts
from src.conditioning.text import Text
from src.masking.corrupt import IGNORED_TARGET
from src.training.prompt_probe import probe_prompts, row_losses
from src.training.step_facts import dropped_prompts


def obedient(text):
    """Logits that name the prompt's own code, six to one, at every place."""
    return (text.pooled_text * torch.tensor(6.0).log())[:, None].expand(-1, 4, -1)


def text_of(prompts):
    pooled = functional.one_hot(torch.tensor(prompts), 4).float()
    return Text(pooled[:, None], pooled)


def test_the_probe_tells_what_another_prompt_costs_and_leaves_unchanged_rows_out():
    prompts = [0, 1, 1, 3]  # the third has its neighbour's prompt
    targets = torch.tensor(prompts)[:, None, None].repeat(1, 2, 2)
    targets[:, 0] = IGNORED_TARGET
    losses = probe_prompts(obedient, text_of(prompts), torch.tensor(prompts)[:, None], targets)
    assert losses.right.tolist() == pytest.approx([torch.tensor(9 / 6).log().item()] * 3)
    assert losses.shuffled.tolist() == pytest.approx([torch.tensor(9.0).log().item()] * 3)


@pytest.mark.parametrize("prompts", [[2], [2, 2, 2]])
def test_where_all_prompts_are_one_nothing_is_probed(prompts):
    targets = torch.zeros(len(prompts), 2, 2, dtype=torch.int64)
    losses = probe_prompts(obedient, text_of(prompts), torch.tensor(prompts)[:, None], targets)
    assert losses.right.shape == losses.shuffled.shape == (0,)


def test_row_losses_are_each_rows_own_cross_entropy(rng):
    logits = torch.randn(3, 6, 5, generator=rng)
    targets = torch.randint(5, (3, 2, 3), generator=rng)
    targets[1, 0] = IGNORED_TARGET
    losses = row_losses(logits, targets)
    for row in range(3):
        alone = functional.cross_entropy(logits[row], targets[row].flatten())
        assert losses[row].item() == pytest.approx(alone.item())


@pytest.mark.parametrize("drop_prob", [0.0, 0.3, 1.0])
def test_dropped_rows_are_seen_from_what_arrived_and_rows_without_a_prompt_left_out(drop_prob, rng):
    null = Text(torch.zeros(1, 1, 4), torch.zeros(1, 4))
    text = text_of([each % 4 for each in range(4000)])
    text.pooled_text[:1000] = null.pooled_text
    told = drop_prompts(text, null, draw_dropped(4000, drop_prob, rng))
    is_dropped = dropped_prompts(text, null, told)
    assert is_dropped.shape == (3000,)
    assert is_dropped.double().mean().item() == pytest.approx(drop_prob, abs=0.03)
