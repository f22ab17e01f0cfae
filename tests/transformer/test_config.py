"""The U-ViT's settings: the published presets, and a sentence for every impossible value."""

import json
import subprocess
import sys

import pytest

from src.errors import UserError
from src.transformer.config import (
    PRESETS,
    TransformerConfig,
    check,
    from_published,
    preset,
    to_published,
)


def test_the_defaults_are_amused_256():
    assert preset("amused_256") == TransformerConfig()


def test_amused_512_differs_only_in_its_grid():
    expected = TransformerConfig(downsample=True, upsample=True, sample_size=32)
    assert preset("amused_512") == expected


@pytest.mark.parametrize("name", ["amused_256", "amused_512"])
def test_a_preset_is_written_as_it_was_published(name):
    assert to_published(preset(name)) == json.loads((PRESETS / f"{name}.json").read_text())


def test_an_unknown_preset_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match=r"no transformer preset 'amused'.*amused_256, amused_512"):
        preset("amused")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"hidden_size": 1000}, "hidden_size = 1000, .* a multiple of num_attention_heads = 16"),
        ({"block_out_channels": 100}, "block_out_channels = 100, .* block_num_heads = 12"),
        ({"vocab_size": 8192}, "vocab_size = 8192, .* above codebook_size = 8192"),
        ({"micro_cond_embed_dim": 256}, "micro_cond_embed_dim = 256, which should be 1280"),
        ({"micro_cond_encode_dim": 255}, "micro_cond_encode_dim = 255, which should be even"),
        ({"downsample": True}, "upsample = False, which should be True"),
        ({"hidden_dropout": 1.0}, "hidden_dropout = 1.0, which should be from 0 to below 1"),
        ({"attention_dropout": -0.1}, "attention_dropout = -0.1, .* from 0 to below 1"),
        ({"num_attention_heads": 0}, "num_attention_heads = 0, which should be above 0"),
        ({"num_hidden_layers": -1}, "num_hidden_layers = -1, which should be 0 or more"),
        ({"num_res_blocks": -1}, "num_res_blocks = -1, which should be 0 or more"),
        ({"layer_norm_eps": 0.0}, "layer_norm_eps = 0.0, which should be above 0"),
    ],
)
def test_an_impossible_value_is_refused_in_a_sentence(changes, sentence):
    with pytest.raises(UserError, match=f"^The file has {sentence}"):
        check(TransformerConfig(**changes), "The file")


def test_a_value_of_the_wrong_type_is_refused():
    with pytest.raises(UserError, match=r"codebook_size = '8192', which should be a whole number"):
        from_published({"codebook_size": "8192"})


def test_an_unknown_key_is_refused():
    with pytest.raises(UserError, match=r"'hidden_sizes': did you mean 'hidden_size'"):
        from_published({"hidden_sizes": 1024})


def test_settings_are_read_without_loading_torch():
    program = (
        "import sys, src.transformer.config, src.image_tokenizer.config; print(sorted(sys.modules))"
    )
    modules = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert "'src.transformer.config'" in modules
    assert "'torch'" not in modules
