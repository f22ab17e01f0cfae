"""An adapter of another base, or one that does not hold together, is refused untouched."""

import json

import pytest
import torch
from safetensors.torch import save_file

from src.adapters.file import load_lora, lora_tensors
from src.adapters.lora import has_lora
from src.errors import UserError

QUERY = "transformer.transformer_layers.0.attn1.to_q"


@pytest.fixture
def state(build, adapt):
    """The tensors of an adapter of rank 4 that fits."""
    system = build()
    adapt(system, has_text_encoder=True)
    return lora_tensors(system)


@pytest.fixture
def refused(system, tmp_path):
    """Saves tensors, with settings of both parts, and gives the sentence that they end in."""

    def refused(state, rank: int = 4, model=system) -> str:
        settings = {f"{part}.r": rank for part in ("transformer", "text_encoder")}
        settings |= {f"{part}.lora_alpha": 8 for part in ("transformer", "text_encoder")}
        path = tmp_path / "adapter.safetensors"
        save_file(state, path, {"lora_adapter_metadata": json.dumps(settings)})
        with pytest.raises(UserError) as error:
            load_lora(model, path)
        assert not has_lora(model)
        return str(error.value)

    return refused


def test_layers_that_the_base_lacks(state, refused, build):
    assert "which this transformer does not have" in refused(
        state, model=build(num_hidden_layers=1)
    )


def test_layers_that_the_file_lacks(state, refused, build):
    sentence = refused(state, model=build(num_hidden_layers=3))
    assert "adapts the key of 8 attentions, and this transformer has 10" in sentence


def test_another_width(state, refused, build):
    sentence = refused(state, model=build(hidden_size=32))
    assert "with shapes (4, 16) and (16, 4)" in sentence
    assert "asks for (rank, 32) and (32, rank): it was made for another base model" in sentence


def test_a_fault_in_the_second_part_leaves_the_first_alone(state, refused):
    strange = "text_encoder.text_model.encoder.layers.7.self_attn.q_proj.lora_A.weight"
    sentence = refused(state | {strange: torch.ones(4, 24)})
    assert "layers.7.self_attn.q_proj', which this text_encoder does not have" in sentence


@pytest.mark.parametrize("owner", ["transformer_layers.0.ff.net.2", "unet.mid_block.attn1.to_q"])
def test_maps_that_are_no_attentions_here(state, refused, owner):
    extra = {f"transformer.{owner}.lora_A.weight": torch.ones(4, 16)}
    assert f"adapts '{owner}', which this transformer does not have" in refused(state | extra)


@pytest.mark.parametrize("missing", ["lora_A", "lora_B"])
def test_half_of_a_pair(state, refused, missing):
    del state[f"{QUERY}.{missing}.weight"]
    assert f"lacks {missing} of 'transformer_layers.0.attn1.to_q'" in refused(state)


def test_one_missing_map(state, refused):
    for kind in ("lora_A", "lora_B"):
        del state[f"{QUERY}.{kind}.weight"]
    assert "adapts the query of 7 attentions, and this transformer has 8" in refused(state)


def test_two_maps_of_different_rank_beside_one_another(state, refused):
    state[f"{QUERY}.lora_A.weight"] = torch.ones(3, 16)
    assert "whose ranks 3 and 4 do not go together" in refused(state)


def test_ranks_that_differ_from_map_to_map(state, refused):
    state[f"{QUERY}.lora_A.weight"] = torch.ones(3, 16)
    state[f"{QUERY}.lora_B.weight"] = torch.ones(16, 3)
    assert "adapters of ranks 3, 4 on the transformer" in refused(state)


def test_another_rank_than_the_header_tells(state, refused):
    assert "says r = 16 of the transformer, and its tensors have rank 4" in refused(state, rank=16)


@pytest.mark.parametrize("shape", [(4,), (4, 16, 1, 1), (0, 16)])
def test_a_tensor_that_is_no_low_rank_map(state, refused, shape):
    state[f"{QUERY}.lora_A.weight"] = torch.ones(shape)
    assert f"holds 'transformer_layers.0.attn1.to_q' with shapes {shape}" in refused(state)
