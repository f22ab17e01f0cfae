"""The VQGAN's settings: the published preset, and a sentence for every impossible value."""

import json

import pytest

from src.errors import UserError
from src.image_tokenizer.config import (
    PRESETS,
    ImageTokenizerConfig,
    check,
    from_published,
    preset,
    to_published,
)


def test_the_defaults_are_amuseds():
    assert preset("amused") == ImageTokenizerConfig()


def test_the_preset_is_written_as_it_was_published():
    assert to_published(preset("amused")) == json.loads((PRESETS / "amused.json").read_text())


def test_the_lists_of_block_types_follow_the_levels(tiny_config):
    assert tiny_config().down_block_types == ["DownEncoderBlock2D"] * 2
    assert tiny_config(block_out_channels=[8]).up_block_types == ["UpDecoderBlock2D"]
    check(tiny_config())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"block_out_channels": []}, r"block_out_channels = \[\], .* at least one width"),
        ({"block_out_channels": [8, 10]}, r"\[8, 10\], .* multiples of norm_num_groups = 4"),
        ({"block_out_channels": [8, -4]}, r"\[8, -4\], .* multiples of norm_num_groups = 4"),
        ({"layers_per_block": 0}, "layers_per_block = 0, which should be above 0"),
        ({"num_vq_embeddings": -1}, "num_vq_embeddings = -1, which should be above 0"),
        ({"vq_embed_dim": 0}, "vq_embed_dim = 0, which should be above 0"),
        ({"norm_num_groups": 0}, "norm_num_groups = 0, which should be above 0"),
        ({"in_channels": 1}, "in_channels = 1, which should be 3, the only one"),
        ({"act_fn": "relu"}, "act_fn = 'relu', which should be 'silu'"),
        ({"norm_type": "spatial"}, "norm_type = 'spatial', which should be 'group'"),
        ({"mid_block_add_attention": True}, "mid_block_add_attention = True, .* be False"),
        ({"lookup_from_codebook": False}, "lookup_from_codebook = False, .* be True"),
        (
            {"down_block_types": ["AttnDownEncoderBlock2D"] * 2},
            "down_block_types = .* 'DownEncoderBlock2D' once for each level",
        ),
        ({"up_block_types": ["UpDecoderBlock2D"]}, "up_block_types = .* once for each level"),
    ],
)
def test_an_impossible_value_is_refused_in_a_sentence(tiny_config, changes, sentence):
    with pytest.raises(UserError, match=f"^The file has .*{sentence}"):
        check(tiny_config(**changes), "The file")


def test_an_unknown_key_is_refused():
    with pytest.raises(UserError, match=r"'latent_channel': did you mean 'latent_channels'"):
        from_published({"latent_channel": 4})
