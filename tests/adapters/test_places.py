"""The maps that an adapter can sit on are those of every attention, each under its two names."""

import pytest
import torch

from src.adapters.places import modules_of, num_attentions, places
from src.errors import UserError
from src.transformer.config import preset
from src.transformer.uvit import UViT


@pytest.mark.parametrize("layers", [0, 1, 3])
@pytest.mark.parametrize("blocks", [0, 1, 2])
def test_every_attention_has_its_four_places(build, layers, blocks):
    uvit = build(num_hidden_layers=layers, num_res_blocks=blocks).transformer
    found = places("transformer", uvit)
    assert len(found) == 4 * (2 * layers + 4 * blocks)
    assert len({place.name for place in found.values()}) == len(found)


def test_full_size_amused_has_56_attentions():
    with torch.device("meta"):
        uvit = UViT(preset("amused_256"))
    assert len(places("transformer", uvit)) == 4 * 56
    assert num_attentions("transformer", uvit.config) == 56


def test_names_are_the_published_ones(system):
    found = places("transformer", system.transformer)
    assert found["transformer_layers.1.attn1.to_q"] == ("layers.1.self_attention.query", "query")
    assert found["transformer_layers.0.attn2.to_out.0"] == ("layers.0.text_attention.out", "out")
    assert found["up_block.attention_blocks.0.attn2.to_v"].name == (
        "up.text_blocks.0.attention_2.value"
    )
    found = places("text_encoder", system.text_encoder.clip)
    name = "text_model.encoder.layers.1.self_attn.k_proj"
    assert found[name] == (name, "key")
    assert len(found) == 4 * 2


def test_an_adapter_does_not_move_the_places(system, adapt):
    before = {part: places(part, module) for part, module in modules_of(system).items()}
    adapt(system, has_text_encoder=True)
    assert before == {part: places(part, module) for part, module in modules_of(system).items()}


@pytest.mark.parametrize("part", ["transformer", "text_encoder"])
def test_another_number_of_attentions_than_configured_is_refused(system, part):
    module = modules_of(system)[part]
    module.config.num_hidden_layers += 1
    with pytest.raises(UserError, match=rf"attentions were found in the {part}, and its"):
        places(part, module)
