"""What is no adapter in diffusers' layout is refused with its reason, in one sentence."""

import json

import pytest
import torch
from safetensors.torch import save_file

from src.adapters.read import FILE_NAME, HEADER_KEY, read_file
from src.errors import UserError

MAP = "transformer.transformer_layers.0.attn1.to_q"


def tensors(down: str = "lora_A", up: str = "lora_B", owner: str = MAP) -> dict:
    return {f"{owner}.{down}.weight": torch.ones(2, 8), f"{owner}.{up}.weight": torch.ones(8, 2)}


def write(folder, state, settings=None, text=None):
    header = text if text is not None else json.dumps(settings) if settings is not None else None
    metadata = {"format": "pt"} | ({HEADER_KEY: header} if header is not None else {})
    save_file(state, folder / FILE_NAME, metadata)
    return folder / FILE_NAME


@pytest.mark.parametrize(
    ("down", "up"),
    [
        ("lora_A", "lora_B"),
        ("lora.down", "lora.up"),
        ("lora_linear_layer.down", "lora_linear_layer.up"),
    ],
)
@pytest.mark.parametrize("owner", [MAP, MAP.removeprefix("transformer.")])
def test_every_spelling_of_diffusers_is_read(tmp_path, down, up, owner):
    read = read_file(write(tmp_path, tensors(down, up, owner)))
    maps = read.maps["transformer"]["transformer_layers.0.attn1.to_q"]
    assert maps["down"].shape == (2, 8)
    assert maps["up"].shape == (8, 2)
    assert read.settings == {"transformer": {}}


def test_settings_belong_to_their_part(tmp_path):
    both = tensors() | tensors(owner="text_encoder.text_model.encoder.layers.0.self_attn.q_proj")
    settings = {
        "transformer.r": 2,
        "transformer.lora_alpha": 1,
        "text_encoder.r": 2,
        "text_encoder.lora_alpha": 9,
    }
    read = read_file(write(tmp_path, both, settings))
    assert read.settings["transformer"] == {"r": 2, "lora_alpha": 1}
    assert read.settings["text_encoder"] == {"r": 2, "lora_alpha": 9}


def test_settings_without_a_prefix_are_the_transformers(tmp_path):
    read = read_file(write(tmp_path, tensors(), {"r": 2, "lora_alpha": 7, "use_dora": False}))
    assert read.settings["transformer"]["lora_alpha"] == 7


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ({"embed.weight": torch.ones(2)}, r"holds 'embed.weight', which is no part of a LoRA"),
        ({**tensors(), f"{MAP}.alpha": torch.ones(1)}, r"to_q.alpha', which is no part of a LoRA"),
        ({**tensors(), f"{MAP}.lora_B.bias": torch.ones(8)}, r"lora_B.bias', which is no part"),
        ({"base_model.model.x.lora_magnitude_vector": torch.ones(8)}, "is no part of a LoRA"),
        ({"lora_unet_x.lora_down.weight": torch.ones(2, 8)}, "is no part of a LoRA"),
        ({}, "is empty: give an adapter's file"),
        (
            {f"{MAP}.lora_A.weight": torch.tensor([[1.0, float("nan")]])},
            r"not finite in '.*to_q.lora_A.weight': the file is damaged",
        ),
        (
            tensors() | {f"{MAP}.lora.down.weight": torch.ones(2, 8)},
            r"to_q' twice, under two spellings",
        ),
    ],
)
def test_what_is_no_adapter_is_refused(tmp_path, state, sentence):
    with pytest.raises(UserError, match=sentence):
        read_file(write(tmp_path, state))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"r": 2}, r"says lora_alpha = None of the transformer, which should be a number above 0"),
        ({"r": 2, "lora_alpha": 0}, "says lora_alpha = 0"),
        ({"r": 2, "lora_alpha": "2"}, "says lora_alpha = '2'"),
        ({"r": 2, "lora_alpha": True}, "says lora_alpha = True"),
        ({"r": 2, "lora_alpha": float("nan")}, "says lora_alpha = nan"),
        ({"r": 2.5, "lora_alpha": 2}, r"says r = 2\.5"),
        ({"r": 2, "lora_alpha": 2, "use_dora": True}, "use_dora = True of the transformer: only"),
        ({"r": 2, "lora_alpha": 2, "use_rslora": True}, "use_rslora = True"),
        ({"r": 2, "lora_alpha": 2, "rank_pattern": {"to_q": 4}}, "rank_pattern = "),
        ({"r": 2, "lora_alpha": 2, "alpha_pattern": {"to_q": 4}}, "alpha_pattern = "),
        ({"r": 2, "lora_alpha": 2, "bias": "all"}, "adapts biases of the transformer too"),
        ([1, 2], "that is no JSON object"),
    ],
)
def test_settings_that_cannot_be_followed_are_refused(tmp_path, settings, sentence):
    with pytest.raises(UserError, match=sentence):
        read_file(write(tmp_path, tensors(), settings))


def test_a_damaged_header_is_refused(tmp_path):
    with pytest.raises(UserError, match=f"damaged {HEADER_KEY}"):
        read_file(write(tmp_path, tensors(), text="{'r': 2"))


@pytest.mark.parametrize("length", [0, 5, 40, -1])
def test_a_truncated_file_is_refused(tmp_path, length):
    path = write(tmp_path, tensors())
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UserError, match="truncated, damaged or no safetensors file"):
        read_file(path)


def test_a_missing_file_names_what_is_looked_for(tmp_path):
    with pytest.raises(UserError, match=f"{FILE_NAME} is not there: give an adapter's file"):
        read_file(tmp_path)
    with pytest.raises(UserError, match=r"nothing\.safetensors is not there"):
        read_file(tmp_path / "nothing.safetensors")


def test_a_pickle_is_not_opened(tmp_path):
    torch.save(tensors(), tmp_path / "pytorch_lora_weights.bin")
    with pytest.raises(UserError, match="is a pickle, which can run code when it is opened"):
        read_file(tmp_path / "pytorch_lora_weights.bin")
