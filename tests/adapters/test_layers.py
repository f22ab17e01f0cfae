"""PEFT's layers go in without a trace of chance, and come out without a trace."""

import pytest
import torch
from torch.nn.functional import linear

from src.adapters.layers import Adapter, Maps, base_state, insert, lora_layers, take_out
from src.errors import UserError

NAME = "layers.1.self_attention.query"


def adapter(rank: int = 3, alpha: float = 6.0, name: str = NAME) -> Adapter:
    rng = torch.Generator().manual_seed(3)
    down, up = (torch.randn(shape, generator=rng) for shape in ((rank, 16), (16, rank)))
    return Adapter(rank, alpha, {name: Maps(down, up)})


@pytest.mark.parametrize("scale", [1.0, 0.5, -2.0])
def test_one_map_becomes_what_the_paper_says(system, scale):
    weight = system.transformer.get_submodule(NAME).weight.detach().clone()
    insert(system.transformer, adapter(), scale=scale)
    states = torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(1))
    down, up = adapter().maps[NAME]
    expected = linear(states, weight + scale * 6.0 / 3 * up @ down)
    assert torch.allclose(system.transformer.get_submodule(NAME)(states), expected, atol=1e-5)


def test_only_the_named_map_is_adapted(system):
    insert(system.transformer, adapter())
    assert list(lora_layers(system.transformer)) == [NAME]


def test_nothing_is_drawn_from_the_global_generator(system):
    state = torch.get_rng_state()
    insert(system.transformer, adapter())
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("is_training", [True, False])
def test_the_new_layers_are_in_the_parts_own_mode(system, is_training):
    system.transformer.train(is_training)
    insert(system.transformer, adapter(), dropout=0.5)
    assert {module.training for module in system.transformer.modules()} == {is_training}


def test_dropout_acts_in_training_only(system):
    insert(system.transformer, adapter(), dropout=0.9)
    layer, states = system.transformer.get_submodule(NAME), torch.ones(1, 16)
    assert torch.equal(layer(states), layer(states))
    layer.train()
    outcomes = {layer(states).sum().item() for _ in range(8)}
    assert len(outcomes) > 1


def test_an_adapter_stays_float32_on_a_part_in_half_precision(system):
    system.transformer.to(torch.bfloat16)
    insert(system.transformer, adapter())
    layer = system.transformer.get_submodule(NAME)
    assert {p.dtype for n, p in layer.named_parameters() if "lora_" in n} == {torch.float32}
    assert layer(torch.ones(1, 16, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_the_base_state_is_the_state_before(system):
    before = {name: t.clone() for name, t in system.transformer.state_dict().items()}
    insert(system.transformer, adapter())
    state = base_state(system.transformer)
    assert list(state) == list(before)
    assert all(torch.equal(state[name], before[name]) for name in before)


def test_taken_out_the_part_is_as_it_was(system):
    before, state = repr(system.transformer), system.transformer.state_dict()
    insert(system.transformer, adapter())
    take_out(system.transformer)
    assert repr(system.transformer) == before
    assert system.transformer.state_dict().keys() == state.keys()
    assert vars(system.transformer).keys().isdisjoint({"peft_config"})
    assert all(parameter.requires_grad for parameter in system.transformer.parameters())


def test_peft_adapting_other_maps_than_asked_for_is_noticed(system):
    both = adapter(name="self_attention.query")  # the end of two names
    with pytest.raises(UserError, match=r"adapted 2 maps instead of 1: install the version"):
        insert(system.transformer, both)
