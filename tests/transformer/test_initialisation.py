"""The U-ViT's first parameters, in both ways to draw them."""

import pytest
import torch

from src.transformer.uvit import UViT


def guided_logits(model, inputs, scale=10.0):
    conditional = model(**inputs)
    null = inputs | {
        "text_states": 0 * inputs["text_states"],
        "pooled_text": inputs["pooled_text"].flip(0),
    }
    unconditional = model(**null)
    return unconditional + scale * (conditional - unconditional)


def test_training_begins_with_logits_of_exactly_zero(tiny_config, inputs, rng):
    model = UViT(tiny_config(), init="training", generator=rng)
    assert model(**inputs).abs().max() == 0


def test_training_begins_with_the_published_spreads(tiny_config, rng):
    model = UViT(
        tiny_config(in_channels=200, hidden_size=96, codebook_size=200, vocab_size=400),
        init="training",
        generator=rng,
    )
    model.requires_grad_(False)
    assert model.text_in.weight.std() == pytest.approx(0.02, rel=0.1)
    assert model.layers[0].feed_forward.out.weight.std() == pytest.approx(0.02, rel=0.1)
    assert model.embedding.weight.std() == pytest.approx(400**-0.5, rel=0.02)
    bound = 0.02 * (6 / (200 + 16)) ** 0.5  # Glorot's, times the gain
    assert model.embedding_out.weight.abs().max() == pytest.approx(bound, rel=0.01)
    assert torch.equal(model.logits_out.weight, model.embedding.weight[:200])
    assert model.logits_out.weight.data_ptr() != model.embedding.weight.data_ptr()


@pytest.mark.parametrize("is_512", [False, True])
def test_random_parameters_have_an_opinion(tiny_config, inputs, rng, is_512):
    config = tiny_config(downsample=is_512, upsample=is_512)
    model = UViT(config, init="random", generator=rng)
    assert model(**inputs).std() >= 1
    assert guided_logits(model, inputs).std() >= 1


def test_every_random_parameter_is_perturbed(tiny_config, rng):
    config = tiny_config(downsample=True, upsample=True, use_bias=True)
    for name, parameter in UViT(config, init="random", generator=rng).named_parameters():
        assert parameter.unique().numel() > 0.99 * parameter.numel(), name  # rarely a tie


@pytest.mark.parametrize("init", ["training", "random"])
def test_the_generator_alone_decides_the_parameters(tiny_config, init):
    config = tiny_config(downsample=True, upsample=True)

    def draw(seed):
        return UViT(config, init, torch.Generator().manual_seed(seed)).state_dict()

    first, again, other = draw(1), draw(1), draw(2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["text_in.weight"], other["text_in.weight"])
