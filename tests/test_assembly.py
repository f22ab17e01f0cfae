"""The assembled system opened, built, written and opened again: the same one, or one sentence."""

import json

import numpy as np
import pytest
import torch

import src.amused
from src.amused import Amused
from src.errors import UserError

PROMPTS = ["a red heart", "sun", "two blue stars"]


@pytest.fixture(scope="module")
def system(tiny_settings):
    return Amused.from_config(tiny_settings)


@pytest.fixture(scope="module")
def saved(system, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "model"
    system.save_pretrained(folder)
    return folder


# ---- checkpoints


def test_saved_and_opened_it_is_the_same_system(system, saved):
    opened = Amused.from_pretrained(saved)
    assert opened.weights_hash == system.weights_hash
    assert not opened.transformer.training
    seeds = [1, 2, 3]
    assert torch.equal(
        opened.generate(PROMPTS, seeds=seeds).token_ids,
        system.generate(PROMPTS, seeds=seeds).token_ids,
    )


def test_the_image_encoder_stays_behind_until_a_picture_is_encoded(saved):
    opened = Amused.from_pretrained(saved, device="meta")  # a device that every machine has
    assert opened.device.type == opened.image_tokenizer.device.type == "meta"
    assert opened.image_tokenizer.encoder.head.weight.device.type == "cpu"
    assert Amused.from_pretrained(saved).to("meta").image_tokenizer.encoder.head.weight.is_cpu


def test_one_seed_builds_one_system_and_another_another(system, tiny_settings):
    assert Amused.from_config(tiny_settings).weights_hash == system.weights_hash
    assert Amused.from_config(tiny_settings, seed=1).weights_hash != system.weights_hash


def test_the_training_start_has_zero_logits_and_so_no_opinion(tiny_settings):
    start = Amused.from_config(tiny_settings, init="training")
    confidence = start.generate("sun", num_steps=3).trace.confidence
    assert torch.allclose(confidence, -torch.log(torch.tensor(32.0)))


def test_a_grammar_makes_the_glyph_tokenizer_and_survives_saving(tiny_settings, tmp_path):
    system = Amused.from_config({**tiny_settings, "tokenizer": {"words": ["red", "heart"]}})
    system.save_pretrained(tmp_path)
    opened = Amused.from_pretrained(tmp_path)
    assert opened.text_encoder.tokenizer("red heart").input_ids == [259, 257, 258, 260]
    assert torch.equal(
        opened.encode_prompts("red zebra").pooled_text,
        system.encode_prompts("red zebra").pooled_text,
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"transformer": {"hiden_size": 3}}, "did you mean 'hidden_size'"),
        ({"scheduler": {"masking_schedule": "cosin"}}, "did you mean 'cosine'"),
        ({"scheduler": {"mask_token_id": 32}}, "mask_token_id = 32"),
        ({"tokenizer": {}}, "no text tokenizer: 'words'"),
        ({"tokenizer": {"words": ["red", "red"]}}, "no text tokenizer"),
    ],
)
def test_settings_that_describe_no_system_are_refused(tiny_settings, changes, sentence):
    with pytest.raises(UserError, match=sentence):
        Amused.from_config(tiny_settings | changes)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ("amused_255", "did you mean 'amused_256'"),
        ({"transformer": {}}, "lack 'vqvae'"),
        (5, "the settings are 5; give one of"),
        (None, "the settings are None"),
        ({"transformer": 5, "vqvae": {}, "text_encoder": {}}, "transformer = 5; give a dict"),
    ],
)
def test_names_and_parts_that_are_missing_are_told(config, sentence):
    with pytest.raises(UserError, match=sentence):
        Amused.from_config(config)


@pytest.mark.parametrize(
    ("file", "damage", "sentence"),
    [
        ("transformer/diffusion_pytorch_model.safetensors", None, "safetensors is missing"),
        ("transformer/config.json", None, "config.json is missing"),
        ("text_encoder/model.safetensors", lambda b: b[: len(b) // 2], "damaged"),
        ("vqvae/diffusion_pytorch_model.safetensors", lambda b: b[:-1] + b"\x01", "damaged"),
        ("tokenizer/tokenizer.json", lambda b: b.replace(b"ab", b"ba"), "damaged"),
        ("scheduler/scheduler_config.json", lambda b: b.replace(b"39", b"31"), "damaged"),
        ("model_index.json", lambda b: b"", "damaged"),
    ],
)
def test_a_damaged_checkpoint_is_named_by_its_file(system, tmp_path, file, damage, sentence):
    system.save_pretrained(tmp_path)
    path = tmp_path / file
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=sentence) as raised:
        Amused.from_pretrained(tmp_path)
    assert file.split("/")[0] in str(raised.value)


def changed(folder, file: str, change) -> None:
    """Write a settings file anew, in a checkpoint that has no checksums then."""
    (folder / "checksums.sha256").unlink(missing_ok=True)
    path = folder / file
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


@pytest.mark.parametrize(
    ("file", "key"),
    [
        ("transformer/config.json", "num_attention_heads"),
        ("transformer/config.json", "block_num_heads"),
        ("vqvae/config.json", "norm_num_groups"),
        ("text_encoder/config.json", "num_attention_heads"),
        ("text_encoder/config.json", "hidden_act"),
        ("scheduler/scheduler_config.json", "masking_schedule"),
        ("model_index.json", "transformer"),
    ],
)
def test_a_lost_key_is_named_and_no_default_takes_its_place(system, tmp_path, file, key):
    system.save_pretrained(tmp_path)
    changed(tmp_path, file, lambda read: {name: read[name] for name in read if name != key})
    with pytest.raises(UserError, match=rf"{file}.*'{key}'"):
        Amused.from_pretrained(tmp_path)


def test_what_published_files_leave_out_may_be_missing(system, tmp_path):
    system.save_pretrained(tmp_path)
    later = {"downsample", "upsample", "hidden_dropout", "force_upcast", "lookup_from_codebook"}
    for part in ("transformer", "vqvae"):
        file = f"{part}/config.json"
        changed(tmp_path, file, lambda read: {key: read[key] for key in read if key not in later})
    assert Amused.from_pretrained(tmp_path).weights_hash == system.weights_hash


@pytest.mark.parametrize(
    ("file", "key", "value", "sentence"),
    [
        ("tokenizer/tokenizer_config.json", "model_max_length", "x", "model_max_length = 'x'"),
        ("tokenizer/tokenizer_config.json", "model_max_length", 1, "whole number from 2"),
        ("text_encoder/config.json", "num_hidden_layers", 10**6, "1,000 or less"),
        ("text_encoder/config.json", "num_hidden_layers", "x", "no CLIP text tower"),
        ("text_encoder/config.json", "intermediate_size", 10**12, "GiB"),
        ("text_encoder/config.json", "hidden_size", None, "no CLIP text tower"),
        ("transformer/config.json", "num_hidden_layers", 10**6, "1,000 or less"),
        ("transformer/config.json", "num_res_blocks", 10**6, "1,000 or less"),
        ("vqvae/config.json", "layers_per_block", 10**6, "1,000 or less"),
        ("model_index.json", "transformer", 5, "says 5 about 'transformer'"),
        ("model_index.json", "scheduler", None, "says None about 'scheduler'"),
    ],
)
def test_a_damaged_setting_is_told_with_its_file(system, tmp_path, file, key, value, sentence):
    system.save_pretrained(tmp_path)
    changed(tmp_path, file, lambda read: read | {key: value})
    with pytest.raises(UserError, match=sentence) as raised:
        Amused.from_pretrained(tmp_path)
    assert file.split("/")[-1] in str(raised.value)


def test_weights_of_another_shape_are_named_by_tensor_and_file(system, tiny_settings, tmp_path):
    system.save_pretrained(tmp_path)
    wider = {**tiny_settings["transformer"], "intermediate_size": 56}
    Amused.from_config({**tiny_settings, "transformer": wider}).save_pretrained(tmp_path / "wider")
    part = "transformer/diffusion_pytorch_model.safetensors"
    (tmp_path / part).write_bytes((tmp_path / "wider" / part).read_bytes())
    (tmp_path / "checksums.sha256").unlink()
    with pytest.raises(UserError, match=r"transformer/diffusion.* asks for \(64, 16\)"):
        Amused.from_pretrained(tmp_path)


@pytest.mark.parametrize("device", ["gpu", "cuda:99", 5.5])
def test_a_device_that_is_not_here_is_refused(saved, system, device):
    for use in (lambda: Amused.from_pretrained(saved, device=device), lambda: system.to(device)):
        with pytest.raises(UserError, match=r"device=.* cannot be used here; give cpu"):
            use()


@pytest.mark.parametrize("seed", [-1, "x", 2**64, None])
def test_a_seed_that_is_none_builds_no_system(tiny_settings, seed):
    with pytest.raises(UserError, match="seed="):
        Amused.from_config(tiny_settings, seed=seed)


def test_an_unknown_precision_is_refused(saved):
    with pytest.raises(UserError, match=r"dtype is torch.int8"):
        Amused.from_pretrained(saved, dtype=torch.int8)


def test_without_the_shipped_model_the_sentence_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(src.amused, "EMBEDDED_MODEL", tmp_path / "model")
    with pytest.raises(UserError, match=r"\+exp=glyphs_all"):
        Amused.embedded()


def test_the_shipped_model_opens_by_that_name(monkeypatch, saved, system):
    monkeypatch.setattr(src.amused, "EMBEDDED_MODEL", saved)
    assert Amused.embedded().weights_hash == system.weights_hash


@pytest.mark.parametrize("variant", ["../x", 16])
def test_a_variant_that_is_no_plain_name_is_never_written(system, tmp_path, variant):
    with pytest.raises(UserError, match="plain name"):
        system.save_pretrained(tmp_path / "model", variant=variant)
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_keeps_the_guidance_it_draws_well_at(tiny_settings, tmp_path):
    system = Amused.from_config(tiny_settings)
    system.save_pretrained(tmp_path)
    assert "guidance" not in (tmp_path / "model_index.json").read_text()  # the published layout
    assert Amused.from_pretrained(tmp_path).guidance_scale == 10
    system.guidance_scale = 3.5
    system.save_pretrained(tmp_path)
    opened = Amused.from_pretrained(tmp_path)
    own = opened.generate("sun", seeds=1).token_ids
    assert torch.equal(own, system.generate("sun", seeds=1, guidance_scale=3.5).token_ids)
    assert not torch.equal(own, opened.generate("sun", seeds=1, guidance_scale=50.0).token_ids)


@pytest.mark.parametrize("asked", ["2", None, -1, True])
def test_a_guidance_that_is_none_is_refused_with_its_file(system, tmp_path, asked):
    system.save_pretrained(tmp_path)
    (tmp_path / "checksums.sha256").unlink()
    path = tmp_path / "model_index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"_guidance_scale": asked}))
    with pytest.raises(UserError, match=r"model_index.json has _guidance_scale = .*number from 0"):
        Amused.from_pretrained(tmp_path)


# ---- precision


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_runs_and_a_seed_is_the_same_in_any_batch(saved, dtype):
    half = Amused.from_pretrained(saved, dtype=dtype)
    assert half.dtype == dtype
    batch = half.generate(PROMPTS, num_steps=4, seeds=[1, 2, 3])
    alone = half.generate(PROMPTS[2], num_steps=4, seeds=3)
    assert torch.equal(batch.token_ids[2], alone.token_ids[0])
    drawn = half.generate(PROMPTS, num_steps=4, generator=torch.Generator().manual_seed(0))
    assert drawn.token_ids.max() < 32


def codebook_dtype(system) -> torch.dtype:
    return system.image_tokenizer.quantizer.codebook.dtype


def test_the_image_tokenizer_stays_in_float32_where_its_settings_say_so(
    saved, tiny_settings, tmp_path
):
    assert codebook_dtype(Amused.from_pretrained(saved, dtype=torch.float16)) == torch.float32
    assert codebook_dtype(Amused.from_pretrained(saved, dtype=torch.bfloat16)) == torch.bfloat16
    vqvae = {**tiny_settings["vqvae"], "force_upcast": False}
    calm = Amused.from_config({**tiny_settings, "vqvae": vqvae})
    calm.save_pretrained(tmp_path)
    assert codebook_dtype(Amused.from_pretrained(tmp_path, dtype=torch.float16)) == torch.float16


def test_the_decoder_rises_to_float32_where_float16_gives_nan(tiny_settings, tmp_path):
    settings = {**tiny_settings, "vqvae": {**tiny_settings["vqvae"], "force_upcast": False}}
    steep = Amused.from_config(settings)
    with torch.no_grad():
        steep.image_tokenizer.decoder.stem.weight.mul_(3e4)
    steep.save_pretrained(tmp_path)
    half = Amused.from_pretrained(tmp_path, dtype=torch.float16)
    token_ids = torch.arange(32).view(1, 4, 8)
    assert half.image_tokenizer.decode(token_ids).isnan().any()
    with torch.no_grad():
        wanted = steep.image_tokenizer.decode(token_ids)
    found = torch.from_numpy(np.array(half.decode_tokens(token_ids)[0])) / 255
    assert (found - wanted[0].permute(1, 2, 0)).abs().max() < 0.05
    assert codebook_dtype(half) == torch.float32
