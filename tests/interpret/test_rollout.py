"""Rollout: closed forms, the order of the layers, and distributions throughout."""

import pytest
import torch

from src.amused import Amused
from src.data.micro_cond import MicroCond
from src.errors import UserError
from src.interpret.rollout import rollout, rollouts

MICRO = MicroCond.default(32, 32)


def moved(*places):
    """A layer in which place i reads place `places[i]` alone."""
    return torch.eye(len(places))[list(places)]


def test_who_reads_itself_alone_stays_itself():
    found = rollouts(torch.eye(4).expand(3, 4, 4))
    assert torch.equal(found, torch.eye(4).expand(3, 4, 4))


@pytest.mark.parametrize("layers", [1, 2, 7])
def test_who_reads_all_alike_keeps_a_half_of_itself_in_each_layer(layers):
    uniform = torch.full((5, 5), 0.2)
    found = rollouts(uniform.expand(layers, 5, 5))[-1]
    own = 0.5**layers
    torch.testing.assert_close(found, own * torch.eye(5) + (1 - own) * uniform)


def test_the_first_layer_is_read_through_the_second():
    first, second = moved(1, 1, 2), moved(0, 2, 2)  # 0 reads 1; then 1 reads 2
    found = rollouts(torch.stack([first, second]))[-1]
    torch.testing.assert_close(found[0], torch.tensor([0.5, 0.5, 0.0]))
    torch.testing.assert_close(found[1], torch.tensor([0.0, 0.5, 0.5]))
    swapped = rollouts(torch.stack([second, first]))[-1]
    torch.testing.assert_close(swapped[0], torch.tensor([0.5, 0.25, 0.25]))


def test_of_a_model_every_row_is_a_distribution_and_hidden_tokens_count(tiny):
    canvas = torch.arange(64).view(8, 8) % 32
    found = rollout(tiny, canvas, "a red sun", MICRO)
    assert found.grid == (8, 8)
    assert found.through.shape == found.attention.shape == (1, 64, 64)
    for field in (found.attention, found.through):
        torch.testing.assert_close(field.sum(dim=-1), torch.ones(1, 64))
    expected = 0.5 * found.attention[0] + 0.5 * torch.eye(64)
    torch.testing.assert_close(found.through[0], expected)
    other = rollout(tiny, canvas.fill_(tiny.transformer.mask_token_id), "a red sun", MICRO)
    assert not torch.allclose(other.attention, found.attention, atol=1e-4)


def test_of_a_halved_grid_there_are_fewer_places(tiny_settings):
    sides = tiny_settings["transformer"] | {"downsample": True, "upsample": True}
    halved = Amused.from_config(tiny_settings | {"transformer": sides}, seed=5)
    found = rollout(halved, torch.zeros(8, 8, dtype=torch.int64), "a red sun", MICRO)
    assert found.grid == (4, 4)
    assert found.through.shape == (1, 16, 16)


def test_rows_that_are_no_distributions_are_refused():
    for wrong in (torch.ones(1, 3, 3), torch.tensor([[[2.0, -1.0], [0.5, 0.5]]])):
        with pytest.raises(UserError, match="no distributions"):
            rollouts(wrong)


def test_a_canvas_holds_codes_and_hidden_tokens(tiny):
    with pytest.raises(UserError, match=r"token_ids holds -1 at \(0, 0\); a code lies in 0..31"):
        rollout(tiny, torch.full((8, 8), -1), "a moon", MICRO)
