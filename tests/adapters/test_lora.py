"""An adapter changes nothing at first, learns alone, and ends in the weights or outside of them."""

import math

import pytest
import torch

from src.adapters.config import LoraConfig
from src.adapters.layers import lora_layers
from src.adapters.lora import (
    add_lora,
    has_lora,
    lora_parameters,
    merge_lora,
    remove_lora,
    strengths,
    without_lora,
)
from src.errors import UserError

BOTH = {"has_text_encoder": True}
ALL = ["query", "key", "value", "out"]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def base_weights(system) -> dict:
    parts = {"transformer": system.transformer, "text_encoder": system.text_encoder.clip}
    return {
        f"{part}.{name}": weight.detach().clone()
        for part, module in parts.items()
        for name, weight in module.named_parameters()
        if "lora_" not in name
    }


@pytest.mark.parametrize("changes", [{}, BOTH, {"targets": ALL, "dropout": 0.5}])
def test_a_fresh_adapter_changes_no_bit(system, outputs, changes):
    before = outputs(system)
    add_lora(system, LoraConfig(**changes), generator())
    assert torch.equal(outputs(system), before)


@pytest.mark.parametrize("changes", [{}, BOTH])
def test_switched_off_the_model_has_the_bits_of_the_base(system, outputs, adapt, distance, changes):
    before = outputs(system)
    adapt(system, **changes)
    adapted = outputs(system)
    assert distance(before, adapted) > 0.01
    with without_lora(system):
        assert torch.equal(outputs(system), before)
    assert torch.equal(outputs(system), adapted)


def test_it_is_switched_on_again_after_an_error(system, outputs, adapt):
    adapt(system)
    adapted = outputs(system)

    def interrupted():
        with without_lora(system):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert torch.equal(outputs(system), adapted)


def test_the_text_encoders_adapter_matters_by_itself(system, outputs, adapt, distance):
    adapt(system, **BOTH)
    with_both = outputs(system)
    with torch.no_grad():
        for layer in lora_layers(system.text_encoder.clip).values():
            layer.lora_B["default"].weight.zero_()
    assert distance(with_both, outputs(system)) > 1e-4


@pytest.mark.parametrize("changes", [{}, BOTH | {"targets": ALL}, {"alpha": 32.0, "rank": 16}])
@pytest.mark.parametrize(
    ("dtype", "most"),
    [(torch.float64, 1e-12), (torch.float32, 2e-6)],  # of the largest logit: rounding alone
)
def test_merged_it_is_a_plain_model_with_the_same_logits(
    build, outputs, adapt, distance, changes, dtype, most
):
    system, plain = build(), build()
    adapt(system, **changes)
    for part in (system.transformer, system.text_encoder):
        part.to(dtype)
    adapted = outputs(system)
    merge_lora(system)
    assert distance(adapted, outputs(system)) <= most
    assert not has_lora(system)
    assert repr(system.transformer) == repr(plain.transformer)
    assert system.transformer.state_dict().keys() == plain.transformer.state_dict().keys()


def test_a_merge_that_overflows_is_refused_and_changes_nothing(system, adapt):
    system.transformer.to(torch.float16)
    adapt(system)
    with torch.no_grad():
        lora_parameters(system)[-1].fill_(1e6)
    before = base_weights(system)
    with pytest.raises(UserError, match=r"overflows '.*' in torch.float16: open the model in"):
        merge_lora(system)
    assert all(torch.equal(weight, before[n]) for n, weight in base_weights(system).items())
    assert has_lora(system)


def test_removed_the_model_is_the_base_and_takes_another(system, outputs, adapt):
    before = outputs(system)
    adapt(system, **BOTH)
    remove_lora(system)
    assert torch.equal(outputs(system), before)
    adapt(system)


# ---- the draw


def test_one_seed_gives_one_adapter_whatever_the_global_generator(build):
    def drawn(seed: int, global_seed: int) -> list:
        torch.manual_seed(global_seed)
        system = build()
        add_lora(system, LoraConfig(**BOTH), generator(seed))
        return [weight.detach() for weight in lora_parameters(system)]

    first, again, other = drawn(1, 2), drawn(1, 3), drawn(4, 2)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_the_draw_follows_pefts_law(system):
    add_lora(system, LoraConfig(rank=1024), generator())
    for layer in lora_layers(system.transformer).values():
        down, up = layer.lora_A["default"].weight, layer.lora_B["default"].weight
        bound = 1 / math.sqrt(down.shape[1])
        assert down.abs().max() <= bound
        assert math.isclose(down.std().item(), bound / math.sqrt(3), rel_tol=0.03)
        assert not up.any()


def test_the_global_generator_is_left_alone(system):
    state = torch.get_rng_state()
    add_lora(system, LoraConfig(), generator())
    assert torch.equal(torch.get_rng_state(), state)


# ---- what is adapted, and how strongly


@pytest.mark.parametrize("targets", [["query"], ["query", "key", "value"], ALL])
def test_as_many_maps_are_adapted_as_there_are_attentions(system, targets):
    add_lora(system, LoraConfig(targets=targets, **BOTH), generator())
    num_attentions = 2 * 2 + 4 * 1  # two layers, one block in each of two stages
    assert len(lora_layers(system.transformer)) == num_attentions * len(targets)
    assert len(lora_layers(system.text_encoder.clip)) == 2 * len(targets)
    assert len(lora_parameters(system)) == 2 * (num_attentions + 2) * len(targets)


@pytest.mark.parametrize(("rank", "alpha"), [(16, 32.0), (16, 1.0), (4, 4.0)])
def test_an_adapter_counts_alpha_over_rank_times(system, rank, alpha):
    add_lora(system, LoraConfig(rank=rank, alpha=alpha), generator())
    assert strengths(system) == {"transformer": alpha / rank}


# ---- learning


@pytest.mark.parametrize("changes", [{}, BOTH])
def test_a_training_step_moves_the_adapter_and_nothing_else(system, rng, changes):
    add_lora(system, LoraConfig(rank=2, **changes), generator())
    before, first = base_weights(system), [p.detach().clone() for p in lora_parameters(system)]
    optimizer = torch.optim.AdamW(lora_parameters(system), lr=0.01, weight_decay=0.1)
    token_ids = torch.randint(32, (2, 4, 4), generator=rng)
    for _ in range(2):  # A moves only once B is no longer zero
        text = system.text_encoder(system.text_encoder.prompt_ids(["a red heart", "snow"]))
        logits = system.transformer(token_ids, *text, torch.rand(2, 5, generator=rng))
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), token_ids.flatten())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    moved = [not torch.equal(a, b) for a, b in zip(first, lora_parameters(system), strict=True)]
    # the last layer of CLIP reaches only the pooled text, at one place: all the same it moves
    assert all(moved)
    after = base_weights(system)
    assert all(torch.equal(before[name], after[name]) for name in before)


# ---- refusals


def test_a_second_adapter_is_refused(system, adapt):
    adapt(system)
    with pytest.raises(UserError, match=r"carries an adapter already: call merge_lora\(\)"):
        add_lora(system, LoraConfig(), generator())


@pytest.mark.parametrize("act", [merge_lora, remove_lora, lora_parameters])
def test_without_an_adapter_there_is_nothing_to_do(system, act):
    with pytest.raises(UserError, match="carries no adapter: call load_lora"):
        act(system)


def test_wrong_settings_are_refused_before_anything_is_put_in(system):
    with pytest.raises(UserError, match=r"lora\.targets='to_q' is unknown"):
        add_lora(system, LoraConfig(targets=["to_q"]), generator())
    assert not has_lora(system)
