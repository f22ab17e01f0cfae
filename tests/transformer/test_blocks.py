"""The U-ViT's parts do what their docstrings promise."""

import math

import pytest
import torch

from src.transformer.blocks import Modulation, ResponseNorm, TextBlock, sinusoidal
from src.transformer.uvit import UViT


def test_a_number_becomes_cosines_then_sines_of_falling_frequency():
    code = sinusoidal(torch.tensor([[0.0, 3.0]]), dim=4)[0]
    expected = [1, 1, 0, 0, math.cos(3), math.cos(0.03), math.sin(3), math.sin(0.03)]
    assert code.tolist() == pytest.approx(expected, abs=1e-6)


def test_neighbouring_pixel_counts_get_different_codes_even_in_half_precision():
    code = sinusoidal(torch.tensor([[1023.0], [1024.0]]), dim=256)
    assert code.dtype == torch.float32
    assert (code[0] - code[1]).abs().max() > 0.5


def test_modulations_are_the_identity_when_training_begins(tiny_config, rng):
    model = UViT(tiny_config(), init="training", generator=rng)
    states, condition = torch.randn(2, 3, 24, generator=rng), torch.randn(2, 24, generator=rng)
    modulations = [module for module in model.modules() if isinstance(module, Modulation)]
    assert len(modulations) == 2 * 3 + 2  # three per layer, one per convolution block
    assert torch.equal(modulations[-1](states[..., :16], condition), states[..., :16])
    assert torch.equal(modulations[1](states, condition), states)


def test_a_modulation_scales_around_one_and_then_shifts():
    modulation = Modulation(1, 2, bias=False)
    modulation.to_scale_and_shift.weight.data = torch.tensor([[1.0], [2.0], [10.0], [20.0]])
    states = torch.tensor([[[1.0, 1.0], [3.0, 3.0]]])
    assert modulation(states, torch.ones(1, 1)).tolist() == [[[12, 23], [16, 29]]]


def test_response_norm_begins_as_the_identity(rng):
    tokens = torch.randn(2, 3, 4, 5, generator=rng)
    assert torch.equal(ResponseNorm(5)(tokens), tokens)


def test_response_norm_compares_a_channels_energy_with_the_average():
    norm = ResponseNorm(2)
    norm.gamma.data.fill_(1.0)
    tokens = torch.tensor([3.0, 1.0]).expand(1, 2, 2, 2)  # energies 6 and 2, average 4
    expected = torch.tensor([3 * (1 + 1.5), 1 * (1 + 0.5)])
    torch.testing.assert_close(norm(tokens)[0, 0, 0], expected)


def test_a_channel_without_energy_teaches_nothing_and_never_nan():
    norm = ResponseNorm(3)
    torch.nn.init.ones_(norm.gamma)
    tokens = torch.randn(2, 2, 2, 3, generator=torch.Generator().manual_seed(0))
    tokens[..., 0] = 0
    tokens.requires_grad_()
    norm(tokens).square().sum().backward()
    assert tokens.grad.isfinite().all()
    assert (tokens.grad[..., 0] == 0).all()
    assert (tokens.grad[..., 1:] != 0).all()


def test_a_text_block_lets_tokens_see_the_text_and_not_each_other(tiny_config, rng):
    block = TextBlock(tiny_config())
    tokens, text = torch.randn(1, 2, 3, 16, generator=rng), torch.randn(1, 4, 24, generator=rng)
    changed = tokens.clone()
    changed[0, 0, 0] += 1
    moved = (block(tokens, text) - block(changed, text)).abs().amax(-1) > 1e-6
    assert moved.flatten().tolist() == [True] + [False] * 5
    assert (block(tokens, text) - block(tokens, 2 * text)).abs().amin(-1).max() > 1e-6


def test_a_text_block_of_the_texts_width_reads_the_text_as_it_is(tiny_config):
    config = tiny_config(block_out_channels=24, block_num_heads=2)
    text = torch.randn(1, 4, 24)
    assert TextBlock(config).to_context(text) is text
