"""A U-ViT that open-muse saved opens here and computes what diffusers computes after conversion.

The old files are made here, from diffusers' model by the inverse of its own conversion
(scripts/convert_amused.py), with names written down from open-muse's model and not from our table.
"""

import json
import re
from dataclasses import asdict

import pytest
import torch
from diffusers import UVit2DModel
from safetensors.torch import load_file, save_file
from torch.nn.functional import gelu, linear

from src.amused import Amused
from src.assembly import open_transformer
from src.errors import UserError
from src.transformer.config import preset
from src.transformer.open_muse_config import from_open_muse as settings_from_open_muse
from src.transformer.open_muse_weights import from_open_muse, to_open_muse
from src.transformer.uvit import UViT

TOLERANCE = 1e-5
BIN, SAFETENSORS = "pytorch_model.bin", "pytorch_model.safetensors"
FEED_FORWARD = ("wi_0", "wi_1", "wo")
OLD_NAMES = (  # diffusers' name -> open-muse's, applied in this order
    (r"^cond_embed\.linear_1", "cond_embed.0"),
    (r"^cond_embed\.linear_2", "cond_embed.2"),
    (r"\.norm1\.norm\.", ".attn_layer_norm."),
    (r"\.norm1\.linear\.", ".self_attn_adaLN_modulation.mapper."),
    (r"\.norm2\.norm\.", ".crossattn_layer_norm."),
    (r"\.norm2\.linear\.", ".cross_attn_adaLN_modulation.mapper."),
    (r"\.norm3\.norm\.", ".ffn.pre_mlp_layer_norm."),
    (r"\.norm3\.linear\.", ".ffn.adaLN_modulation.mapper."),
    (r"\.ff\.net\.2\.", ".ffn.wo."),
    (r"\.attn1\.", ".attention."),
    (r"\.attn2\.", ".crossattention."),
    (r"\.to_out\.0\.", ".out."),
    (r"\.to_q\.", ".query."),
    (r"\.to_k\.", ".key."),
    (r"\.to_v\.", ".value."),
    (r"(down|up)sample\.norm\.", r"\1sample.0.norm."),
    (r"(down|up)sample\.conv\.", r"\1sample.1."),
    (r"(res_blocks\.\d+)\.norm\.", r"\1.norm.norm."),
    (r"\.channelwise_linear_1\.", ".channelwise.0."),
    (r"\.channelwise_norm\.", ".channelwise.2."),
    (r"\.channelwise_linear_2\.", ".channelwise.4."),
    (r"\.cond_embeds_mapper\.", ".adaLN_modulation.mapper."),
    (r"(attention_blocks\.\d+)\.norm1\.", r"\1.attn_layer_norm."),
    (r"(attention_blocks\.\d+)\.norm2\.", r"\1.crossattn_layer_norm."),
    (r"^(down|up)_block\.", r"\1_blocks.0."),
    (r"^mlm_layer\.layer_norm\.", "mlm_layer.layer_norm.norm."),
)


def old_tensors(published):
    """diffusers' state dict under open-muse's names, its feed-forward in two parts again."""
    old = {}
    for name, tensor in published.items():
        if ".ff.net.0.proj." in name:
            linear_half, gelu_half = tensor.chunk(2)
            old[name.replace("ff.net.0.proj", "ffn.wi_0")] = gelu_half.clone()
            old[name.replace("ff.net.0.proj", "ffn.wi_1")] = linear_half.clone()
            continue
        for pattern, old_name in OLD_NAMES:
            name = re.sub(pattern, old_name, name)
        old[name] = tensor
    return old


def old_settings(config):
    """What open-muse's save_config writes for the model that diffusers has with `config`."""
    settings = asdict(config) | {
        "_class_name": "MaskGiTUViT_v2",
        "_version": "0.0.1",
        "mask_token_id": config.vocab_size - 1,
        "block_out_channels": [config.block_out_channels],
        "force_down_up_sample": config.downsample,
        "norm_type": "rmsnorm",
        "use_fused_mlp": False,
        "use_fused_residual_norm": False,
        "use_adapter": False,
        "adapter_proj_dim": 4,
        "is_adapter_shared": True,
        "add_cond_embeds": True,
        "add_micro_cond_embeds": True,
    }
    return {k: v for k, v in settings.items() if k not in ("downsample", "upsample", "sample_size")}


def write_old(folder, settings, tensors, weights=BIN):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(settings))
    if weights == BIN:
        torch.save(tensors, folder / weights)
    else:
        save_file(tensors, folder / weights)


def perturbed_oracle(config, rng):
    """diffusers' model, no parameter of which is where it began."""
    theirs = UVit2DModel(**asdict(config)).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=rng))
    return theirs


@pytest.fixture
def old(tiny_config, rng, tmp_path):
    """A folder in open-muse's layout, and its two files' contents."""
    config = tiny_config()
    settings = old_settings(config)
    tensors = old_tensors(perturbed_oracle(config, rng).state_dict())
    write_old(tmp_path / "old", settings, tensors)
    return tmp_path / "old", settings, tensors


# ---- the same model


@pytest.mark.parametrize("weights", [BIN, SAFETENSORS, "diffusion_pytorch_model.safetensors"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"downsample": True, "upsample": True},
        {"downsample": True, "upsample": True, "use_bias": True, "num_res_blocks": 2},
        {"block_out_channels": 24, "block_num_heads": 3},  # no map from the text's width
    ],
    ids=str,
)
@torch.no_grad()
def test_the_logits_are_those_of_diffusers(tiny_config, inputs, rng, tmp_path, changes, weights):
    config = tiny_config(**changes)
    theirs = perturbed_oracle(config, rng)
    write_old(tmp_path, old_settings(config), old_tensors(theirs.state_dict()), weights)
    ours = open_transformer(tmp_path, sample_size=config.sample_size)
    assert ours.config == config
    assert not ours.training
    expected = theirs(*inputs.values()).flatten(2).transpose(1, 2)
    assert expected.std() > 0.1, "numbers that all agree with each other prove nothing"
    assert (ours(**inputs) - expected).abs().max() <= TOLERANCE


@torch.no_grad()
def test_the_feed_forward_gates_with_wi_0_as_open_muse_does(old, rng):
    folder, _, tensors = old
    states = torch.randn(2, 3, 24, generator=rng)
    wi_0, wi_1, wo = (tensors[f"transformer_layers.1.ffn.{part}.weight"] for part in FEED_FORWARD)
    expected = linear(gelu(linear(states, wi_0)) * linear(states, wi_1), wo)
    ours = open_transformer(folder).layers[1].feed_forward(states)
    assert torch.allclose(ours, expected, atol=1e-6)


@pytest.mark.parametrize("use_bias", [False, True])
def test_there_and_back_gives_the_same_tensors(tiny_config, rng, use_bias):
    config = tiny_config(downsample=True, upsample=True, use_bias=use_bias)
    ours = UViT(config, "random", rng).state_dict()
    back = from_open_muse(to_open_muse(ours))
    assert back.keys() == ours.keys()
    assert all(torch.equal(back[name], ours[name]) for name in ours)


def test_names_and_shapes_of_the_512_model_are_those_of_open_muse():
    with torch.device("meta"):
        old = to_open_muse(UViT(preset("amused_512")).state_dict())
    shapes = {name: tuple(tensor.shape) for name, tensor in old.items()}
    assert shapes["cond_embed.0.weight"] == (1024, 2048)
    assert shapes["embed.conv.weight"] == (768, 768, 1, 1)
    assert shapes["down_blocks.0.downsample.0.norm.weight"] == (768,)
    assert shapes["up_blocks.0.upsample.1.weight"] == (768, 768, 2, 2)
    assert shapes["down_blocks.0.res_blocks.2.channelwise.2.gamma"] == (1, 1, 1, 3072)
    assert shapes["up_blocks.0.attention_blocks.0.kv_mapper.weight"] == (768, 1024)
    assert shapes["transformer_layers.21.ffn.wi_0.weight"] == (2816, 1024)
    assert shapes["transformer_layers.0.ffn.adaLN_modulation.mapper.weight"] == (2048, 1024)
    assert shapes["mlm_layer.layer_norm.norm.weight"] == (768,)


def test_the_published_settings_are_read_from_the_old_ones():
    for name in ("amused_256", "amused_512"):
        assert settings_from_open_muse(old_settings(preset(name)), "it") == preset(name)


def test_what_the_older_class_wrote_too_is_understood_where_it_says_the_same():
    of_the_512_run = {
        "block_has_attention": [True],
        "block_num_heads": [12],
        "res_ffn_factor": 4,
        "patch_size": 1,
        "add_cross_attention": True,
        "project_encoder_hidden_states": True,
        "num_vq_tokens": 512,
        "initializer_range": 0.02,
        "use_encoder_layernorm": False,
        "use_codebook_size_for_output": True,
        "use_empty_embeds_for_uncond": True,
    }
    settings = old_settings(preset("amused_512")) | of_the_512_run
    assert settings_from_open_muse(settings, "it") == preset("amused_512")


def test_the_dtype_is_the_one_asked_for(old):
    assert open_transformer(old[0], dtype=torch.bfloat16).logits_out.weight.dtype == torch.bfloat16


@torch.no_grad()
def test_a_system_opens_with_an_old_transformer_and_is_saved_in_the_published_layout(
    tiny_settings, tmp_path
):
    system = Amused.from_config(tiny_settings)
    system.save_pretrained(tmp_path)
    published = tmp_path / "transformer" / "diffusion_pytorch_model.safetensors"
    tensors = old_tensors(load_file(published))
    for path in (published, tmp_path / "checksums.sha256"):
        path.unlink()
    write_old(tmp_path / "transformer", old_settings(system.transformer.config), tensors)
    opened = Amused.from_pretrained(tmp_path)
    assert opened.weights_hash == system.weights_hash
    opened.save_pretrained(tmp_path / "new")
    theirs = UVit2DModel.from_pretrained(tmp_path / "new" / "transformer")
    expected = system.transformer.state_dict()["condition_in.weight"]
    assert torch.equal(theirs.state_dict()["cond_embed.linear_1.weight"], expected)


# ---- what is refused


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"norm_type": "layernorm"}, "norm_type = 'layernorm', .* can only have 'rmsnorm'"),
        ({"layer_norm_eps": 1e-5}, "layer_norm_eps = 1e-05, .* can only have 1e-06"),
        ({"ln_elementwise_affine": False}, "ln_elementwise_affine = False"),
        ({"use_fused_mlp": True}, "use_fused_mlp = True"),
        ({"use_adapter": True}, "use_adapter = True"),
        ({"add_cond_embeds": False}, "add_cond_embeds = False"),
        ({"add_micro_cond_embeds": False}, "add_micro_cond_embeds = False"),
        ({"add_cross_attention": False}, "add_cross_attention = False"),
        ({"project_encoder_hidden_states": False}, "project_encoder_hidden_states = False"),
        ({"use_codebook_size_for_output": False}, "use_codebook_size_for_output = False"),
        ({"layer_norm_before_mlm": True}, "layer_norm_before_mlm = True"),
        ({"layer_norm_embedddings": True}, "layer_norm_embedddings = True"),
        ({"use_normformer": True}, "use_normformer = True"),
        ({"learn_uncond_embeds": True}, "learn_uncond_embeds = True"),
        ({"num_classes": 1000}, "num_classes = 1000, .* can only have None"),
        ({"ffn_type": "vanilla"}, "ffn_type = 'vanilla'"),
        ({"patch_size": 2}, "patch_size = 2"),
        ({"block_has_attention": [False]}, "block_has_attention = False"),
        ({"block_out_channels": [768, 768]}, r"block_out_channels = \[768, 768\], .* one entry"),
        ({"block_num_heads": [None]}, "block_num_heads = None, which should be a whole number"),
        ({"mask_token_id": 30}, "mask_token_id = 30, which should be 35"),
        ({"force_down_up_sample": "yes"}, "force_down_up_sample = 'yes', .* true or false"),
        ({"hidden_sizes": 3}, "unknown setting 'hidden_sizes': did you mean 'hidden_size'"),
        ({"hidden_size": "24"}, "hidden_size = '24', which should be a whole number"),
        ({"_class_name": "MaskGiTUViT"}, "describes a MaskGiTUViT, .* open-muse's last version"),
        ({"_class_name": "VQGANModel"}, "describes a VQGANModel, .* MaskGiTUViT_v2"),
        ({"_class_name": "UVit2DModel"}, "describes a UVit2DModel, .*from_pretrained"),
    ],
    ids=str,
)
def test_settings_that_our_uvit_cannot_have_are_refused(old, changes, sentence):
    folder, settings, _ = old
    (folder / "config.json").write_text(json.dumps(settings | changes))
    with pytest.raises(UserError, match=sentence) as raised:
        open_transformer(folder)
    assert "config.json" in str(raised.value)
    assert "\n" not in str(raised.value)


def without(name):
    return lambda tensors: {other: t for other, t in tensors.items() if other != name}


@pytest.mark.parametrize("weights", [BIN, SAFETENSORS])
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (without("transformer_layers.1.ffn.wi_1.weight"), "lacks 'transformer_layers.1.ffn.wi_1"),
        (lambda t: t | {"mask_embeddings": torch.ones(3)}, "holds 'mask_embeddings', for which"),
        (lambda t: t | {"cond_embed.0.weight": torch.ones(24, 45)}, r"asks for \(24, 46\)"),
        (lambda t: t | {"embed.layer_norm.weight": torch.full((20,), torch.nan)}, "not finite in"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(old, change, sentence, weights):
    folder, settings, tensors = old
    (folder / BIN).unlink()
    write_old(folder, settings, change(tensors), weights)
    with pytest.raises(UserError, match=sentence) as raised:
        open_transformer(folder)
    assert weights in str(raised.value)


def test_half_a_feed_forward_is_no_feed_forward():
    with pytest.raises(UserError, match=r"one half of 'layers\.0\.feed_forward\.value_and_gate'"):
        from_open_muse({"transformer_layers.0.ffn.wi_0.weight": torch.zeros(2, 2)})


def test_a_folder_without_weights_or_settings_says_what_it_should_hold(old):
    folder, _, _ = old
    (folder / BIN).unlink()
    with pytest.raises(UserError, match=r"holds no weights: .* pytorch_model\.bin"):
        open_transformer(folder)
    (folder / "config.json").unlink()
    with pytest.raises(UserError, match=r"config.json is missing"):
        open_transformer(folder)
    with pytest.raises(UserError, match=r"there is no folder .*nowhere"):
        open_transformer(folder / "nowhere")
    with pytest.raises(UserError, match=r"dtype is torch.int8"):
        open_transformer(folder, dtype=torch.int8)
