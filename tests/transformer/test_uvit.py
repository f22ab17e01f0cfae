"""What the U-ViT promises about its logits, its inputs and its size."""

import subprocess
import sys

import pytest
import torch

from src.errors import UserError
from src.transformer.config import preset
from src.transformer.uvit import UViT


@pytest.mark.parametrize(
    ("name", "num_parameters"), [("amused_256", 603_537_664), ("amused_512", 608_257_792)]
)
def test_published_models_have_the_published_number_of_parameters(name, num_parameters):
    with torch.device("meta"):
        model = UViT(preset(name))
    assert sum(parameter.numel() for parameter in model.parameters()) == num_parameters
    assert model.mask_token_id == 8255


def test_logits_cover_the_codebook_only_row_by_row(uvit, inputs):
    logits = uvit(**inputs)
    assert logits.shape == (2, 4 * 6, 30)
    column = uvit(**inputs | {"token_ids": inputs["token_ids"].transpose(1, 2)})
    assert not torch.allclose(logits, column)


def test_prepare_and_predict_make_forward(uvit, inputs):
    token_ids = inputs["token_ids"]
    others = {name: value for name, value in inputs.items() if name != "token_ids"}
    assert torch.equal(uvit.predict(token_ids, uvit.prepare(**others)), uvit(**inputs))


@pytest.mark.parametrize("name", ["token_ids", "text_states", "pooled_text"])
def test_every_input_matters_to_every_token(uvit, inputs, name):
    changed = inputs[name].clone()
    changed[0].view(-1)[0] = 7
    change = (uvit(**inputs | {name: changed}) - uvit(**inputs)).abs().amax(-1)
    assert change[0].min() > 1e-6, "a token did not notice"
    assert change[1].max() < 1e-5, "another picture noticed"


@pytest.mark.parametrize("position", range(5))
def test_every_micro_conditioning_number_matters(uvit, inputs, position):
    micro_cond = inputs["micro_cond"].clone()
    micro_cond[:, position] += 1
    assert (uvit(**inputs | {"micro_cond": micro_cond}) - uvit(**inputs)).abs().max() > 1e-4


def test_every_word_matters_and_their_order_does_not(uvit, inputs):
    words = inputs["text_states"]
    logits = uvit(**inputs)
    for word in range(words.shape[1]):
        without = torch.cat([words[:, :word], words[:, word + 1 :]], dim=1)
        assert (uvit(**inputs | {"text_states": without}) - logits).abs().max() > 1e-4
    torch.testing.assert_close(
        uvit(**inputs | {"text_states": words.flip(1)}), logits, rtol=0, atol=1e-4
    )


def test_only_the_depthwise_windows_know_where_a_token_is(uvit, inputs, rng):
    for module in uvit.modules():
        if isinstance(module, torch.nn.Conv2d):  # look at the token itself, not around it
            centre = torch.zeros_like(module.weight)
            centre[..., 1, 1] = module.weight[..., 1, 1].detach()
            module.weight.data = centre
    order = torch.randperm(24, generator=rng)
    shuffled = inputs["token_ids"].flatten(1)[:, order].view(2, 4, 6)
    logits = uvit(**inputs | {"token_ids": shuffled})
    torch.testing.assert_close(logits, uvit(**inputs)[:, order], rtol=0, atol=1e-4)


def test_turning_the_grid_and_the_windows_turns_the_logits(uvit, inputs):
    logits = uvit(**inputs).unflatten(1, (4, 6))
    for module in uvit.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.weight.data = module.weight.data.transpose(-1, -2).contiguous()
    turned = uvit(**inputs | {"token_ids": inputs["token_ids"].transpose(1, 2)})
    torch.testing.assert_close(
        turned.unflatten(1, (6, 4)).transpose(1, 2), logits, rtol=0, atol=1e-4
    )


def test_with_downsampling_the_logits_keep_the_tokens_grid(tiny_config, inputs, rng):
    model = UViT(tiny_config(downsample=True, upsample=True), "random", rng)
    lengths = []
    model.layers[0].register_forward_hook(lambda *call: lengths.append(call[-1].shape[1]))
    assert model(**inputs).shape == (2, 24, 30)
    assert lengths == [6]  # the transformer reads a quarter of the tokens


@pytest.mark.parametrize("grid", [(3, 4), (4, 3)])
def test_a_grid_that_cannot_be_halved_is_refused(tiny_config, inputs, grid):
    model = UViT(tiny_config(downsample=True, upsample=True))
    token_ids = torch.zeros(2, *grid, dtype=torch.int64)
    with pytest.raises(UserError, match=f"{grid[0]} x {grid[1]} .* both sides must be even"):
        model(**inputs | {"token_ids": token_ids})


def test_an_impossible_configuration_is_refused(tiny_config):
    with pytest.raises(UserError, match="hidden_size = 25"):
        UViT(tiny_config(hidden_size=25))


def test_a_gradient_reaches_every_parameter(uvit, inputs):
    uvit(**inputs).square().mean().backward()
    for name, parameter in uvit.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_half_precision_stays_near_full_precision(uvit, inputs):
    full = uvit(**inputs)
    floats = {name: value.bfloat16() for name, value in inputs.items() if value.is_floating_point()}
    half = uvit.bfloat16()(inputs["token_ids"], **floats)
    assert half.dtype == torch.bfloat16
    assert (half - full).abs().mean() < 0.05 * full.std()


COMPILE = """
import torch
from src.transformer.config import TransformerConfig
from src.transformer.uvit import UViT
from tests.transformer.conftest import TINY
config = TransformerConfig(**TINY, downsample=True, upsample=True)
model = UViT(config, "random", torch.Generator().manual_seed(0))
token_ids = torch.zeros(1, 4, 4, dtype=torch.int64)
inputs = (token_ids, torch.ones(1, 2, 10), torch.ones(1, 6), torch.ones(1, 5))
compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
torch.testing.assert_close(compiled(*inputs), model(*inputs))
compiled(*inputs).sum().backward()
print("one graph")
"""


@pytest.mark.slow
def test_the_model_compiles_to_one_graph():
    # in a process of its own: the shape checks of this one and the compiler exclude each other
    result = subprocess.run([sys.executable, "-c", COMPILE], capture_output=True, text=True)
    assert result.stdout == "one graph\n", result.stderr
