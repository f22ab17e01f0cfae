"""A trace in a file holds every bit, says how to draw it again, and is refused in a sentence."""

import json
import re

import pytest
import safetensors.torch
import torch
from safetensors import safe_open

from src.amused import Amused
from src.data.micro_cond import MicroCond
from src.errors import UserError
from src.interpret.replay import differences, replay
from src.interpret.trace_file import load_trace, save_trace, trace_bytes
from src.sampler.config import (
    KNOWN_SAMPLERS,
    CorrectorConfig,
    MomentConfig,
    RemaskConfig,
    SamplerConfig,
)

PROMPT = "a small red sun on a white background"


@pytest.fixture(scope="module")
def tiny(tiny_settings):
    return Amused.from_config(tiny_settings, seed=5)


@pytest.fixture
def drawn(tiny):
    return tiny.generate([PROMPT, "a star"], seeds=[3, 2**63 - 1], num_steps=4, guidance_scale=3.0)


@pytest.fixture
def saved_at(tiny, drawn, tmp_path):
    path = tmp_path / "one.safetensors"
    save_trace(path, drawn, tiny)
    return path


def test_what_is_loaded_is_what_was_recorded_to_the_last_bit(saved_at, drawn, tiny):
    saved = load_trace(saved_at)
    assert differences(saved, drawn) == []
    assert all(a.dtype == b.dtype for a, b in zip(saved.trace[:-2], drawn.trace[:-2], strict=True))
    assert saved.recipe == drawn.recipe
    assert saved.weights_hash == tiny.weights_hash
    assert saved.dtype == "float32"


@pytest.mark.parametrize("name", [*KNOWN_SAMPLERS, "hybrid", "corrected", "loop"])
def test_every_sampler_replays_bit_for_bit(name, tiny, tmp_path):
    settings = {"name": name} if name in KNOWN_SAMPLERS else {}
    if name == "hybrid":
        settings = {"name": "halton", "then": "moment", "moment": MomentConfig(token_exponent=1.2)}
    elif name == "corrected":
        settings = {"corrector": CorrectorConfig(4, 0.5), "guidance": "linear"}
    elif name == "loop":
        settings = {"name": "remask", "remask": RemaskConfig("loop")}
    config = SamplerConfig(num_steps=5, guidance_scale=2.5, **settings)
    first = tiny.generate([PROMPT] * 2, "a moon", seeds=[8, 9], sampler=config, num_top=2)
    save_trace(tmp_path / "x", first, tiny)
    saved = load_trace(tmp_path / "x")
    again = replay(saved, tiny)
    assert differences(saved, again) == []
    assert [x.tobytes() for x in again.images] == [x.tobytes() for x in first.images]


def test_micro_conditions_size_and_copies_of_a_prompt_are_part_of_the_recipe(tiny, tmp_path):
    micros = [MicroCond(20, 30, 1, 2, 6.1), MicroCond(32, 32, 0, 0, 4)]
    first = tiny.generate(
        [PROMPT, "a moon"],
        ["a star", "a heart"],
        num_images_per_prompt=2,
        seeds=[1, 2, 3, 4],
        micro_cond=micros,
        negative_micro_cond=MicroCond(8, 8, 0, 0, 1.7),
        width=40,
        num_steps=3,
    )
    assert first.recipe.prompts == [PROMPT, PROMPT, "a moon", "a moon"]
    save_trace(tmp_path / "x", first, tiny)
    saved = load_trace(tmp_path / "x")
    assert saved.trace.token_ids.shape == (3, 4, 8, 10)
    assert differences(saved, replay(saved, tiny)) == []


def test_another_seed_or_setting_is_told_apart(saved_at, tiny):
    """`differences` can see: the same prompts, one thing changed."""
    saved = load_trace(saved_at)
    other = tiny.generate([PROMPT, "a star"], seeds=[3, 4], num_steps=4, guidance_scale=3.0)
    assert {"token_ids", "confidence", "opinion.entropy"} <= set(differences(saved, other))


def test_other_weights_and_another_precision_are_refused(saved_at, tiny_settings):
    other = Amused.from_config(tiny_settings, seed=6)
    with pytest.raises(UserError, match="open the checkpoint that drew it"):
        replay(load_trace(saved_at), other)
    other.transformer.to(torch.bfloat16)
    with pytest.raises(UserError, match=r"drawn in float32 and this model is in bfloat16"):
        replay(load_trace(saved_at), other)


def test_what_no_file_can_name_is_refused(tiny, tmp_path):
    encoded = tiny.encode_prompts(PROMPT)
    for settings in ({"seeds": [1]}, {"generator": torch.Generator().manual_seed(0)}):
        prompt = encoded if "seeds" in settings else PROMPT
        save_trace(tmp_path / "x", tiny.generate(prompt, num_steps=2, **settings), tiny)
        with pytest.raises(UserError, match="generator or from encoded text"):
            replay(load_trace(tmp_path / "x"), tiny)
    silent = tiny.generate(PROMPT, seeds=[1], num_steps=2, record=False)
    with pytest.raises(UserError, match="record=True"):
        save_trace(tmp_path / "y", silent, tiny)
    assert not (tmp_path / "y").exists()


def test_a_file_that_is_none_of_this_version_is_refused_in_a_sentence(saved_at, tmp_path):
    content = saved_at.read_bytes()
    (tmp_path / "cut").write_bytes(content[: len(content) // 2])
    (tmp_path / "text").write_text("no trace")
    with safe_open(saved_at, "pt") as file:
        header = file.metadata()
    tensors = safetensors.torch.load(content)
    future = header | {"version": "2"}
    (tmp_path / "future").write_bytes(safetensors.torch.save(tensors, future))
    (tmp_path / "foreign").write_bytes(safetensors.torch.save(tensors, {"format": '"x"'}))
    recipe = json.loads(header["recipe"]) | {"sampler": {"steps": 3}}
    damaged = header | {"recipe": json.dumps(recipe)}
    (tmp_path / "damaged").write_bytes(safetensors.torch.save(tensors, damaged))
    less = {key: tensor for key, tensor in tensors.items() if key != "is_masked"}
    (tmp_path / "less").write_bytes(safetensors.torch.save(less, header))
    without = {key: tensor for key, tensor in tensors.items() if key != "entropy"}
    (tmp_path / "silent").write_bytes(safetensors.torch.save(without, header))
    turned = tensors | {"confidence": tensors["confidence"][:, :1].contiguous()}
    (tmp_path / "turned").write_bytes(safetensors.torch.save(turned, header))
    byte = tensors | {"is_given": tensors["is_given"] + 2}
    (tmp_path / "byte").write_bytes(safetensors.torch.save(byte, header))
    for name, changes in {"nobody": {"prompts": []}, "word": {"seeds": ["x", 1]}}.items():
        other = json.loads(header["recipe"]) | changes
        told = header | {"recipe": json.dumps(other)}
        (tmp_path / name).write_bytes(safetensors.torch.save(tensors, told))
    for name, sentence in {
        "cut": "is no trace, or a damaged one: give a file that",
        "text": "is no trace, or a damaged one",
        "nowhere": "there is no file .*nowhere; give one",
        "future": "a trace of version 2 and this is the code of version 1",
        "foreign": "is no trace, but another file of tensors",
        "damaged": "is a damaged trace: this is no recipe",
        "less": "is a damaged trace: it lacks 'is_masked'; draw it again",
        "silent": "is a damaged trace: it lacks 'entropy'",
        "turned": r"damaged trace: confidence has shape .* belongs to drawn_ids",
        "byte": "is_given holds something else than 0 and 1",
        "nobody": "its recipe's prompts are not one str a picture",
        "word": "its recipe's seeds are not one int a picture",
    }.items():
        with pytest.raises(UserError, match=sentence) as refusal:
            load_trace(tmp_path / name)
        assert name in str(refusal.value)


def test_twelve_steps_of_256_tokens_with_five_codes_each_take_at_most_200_kilobytes(tiny_settings):
    large = tiny_settings | {
        "transformer": tiny_settings["transformer"] | {"codebook_size": 8192, "vocab_size": 8256},
        "vqvae": tiny_settings["vqvae"] | {"num_vq_embeddings": 8192},
    }
    amused = Amused.from_config(large, seed=1)
    drawn = amused.generate(PROMPT, seeds=[1], height=64, width=64)
    assert drawn.trace.opinion.top_ids.shape == (12, 1, 16, 16, 5)
    assert len(trace_bytes(drawn, amused)) <= 200_000


def one(tensors, key, value):
    """The same tensors, one number of one of them another."""
    changed = tensors[key].clone()
    changed.view(-1)[5] = value
    return {key: changed}


DAMAGES = {  # what the sentence says: other tensors, other header entries
    "drawn_ids has 4 steps and its recipe tells of 7": (
        lambda t: {},
        {"recipe": lambda r: r | {"sampler": r["sampler"] | {"num_steps": 7}}},
    ),
    "drawn_ids has 1 pictures and its recipe tells of 2": (
        lambda t: (
            {key: each[..., :1, :, :] for key, each in t.items() if key in GRIDS}
            | {key: each[:, :1] for key, each in t.items() if key not in GRIDS}
        ),
        {},
    ),
    "drawn_ids has shape (0, 2, 8, 8), which is no steps of grids": (
        lambda t: {key: each[:0] for key, each in t.items() if key != "is_given"},
        {},
    ),
    "8 x 8 tokens, which cannot be cells of the recipe's 33 x 32 pixels": (
        lambda t: {},
        {"recipe": lambda r: r | {"height": 33}},
    ),
    "8 x 8 tokens, which are no squares of the recipe's 64 x 32 pixels": (
        lambda t: {},
        {"recipe": lambda r: r | {"height": 64}},
    ),
    "its weights_hash is 5, which is no text": (lambda t: {}, {"weights_hash": lambda _: 5}),
    "its dtype is None, which is no text": (lambda t: {}, {"dtype": lambda _: None}),
    "its mask_token_id is 39.5, which is no id": (
        lambda t: {},
        {"mask_token_id": lambda m: m + 0.5},
    ),
    "drawn_ids holds -1, and codes": (lambda t: one(t, "drawn_ids", -1), {}),
    "drawn_ids holds 39, and codes": (lambda t: one(t, "drawn_ids", 39), {}),
    "drawn_ids holds float32": (lambda t: {"drawn_ids": t["drawn_ids"].float()}, {}),
    "confidence holds what is no log-probability": (
        lambda t: one(t, "confidence", torch.nan),
        {},
    ),
    "such as NaN or one above 0": (lambda t: one(t, "confidence", 0.5), {}),
    "is_masked holds float32": (lambda t: {"is_masked": t["is_masked"].float()}, {}),
    "is_masked holds something else than 0 and 1": (
        lambda t: one({"is_masked": t["is_masked"].char()}, "is_masked", -1),
        {},
    ),
    "num_passes holds float32": (lambda t: {"num_passes": t["num_passes"] / 2}, {}),
    "num_passes holds a number below 0": (lambda t: one(t, "num_passes", -1), {}),
}
GRIDS = (
    "drawn_ids",
    "is_masked",
    "is_given",
    "confidence",
    "entropy",
    "margin",
    "divergence",
    "rank",
)


@pytest.mark.parametrize("sentence", DAMAGES)
def test_contents_that_no_decoding_leaves_are_refused(sentence, saved_at, tmp_path):
    with safe_open(saved_at, "pt") as file:
        header = file.metadata()
    tensors = safetensors.torch.load(saved_at.read_bytes())
    change, told = DAMAGES[sentence]
    tensors |= {key: each.contiguous() for key, each in change(tensors).items()}
    header |= {key: json.dumps(new(json.loads(header[key]))) for key, new in told.items()}
    (tmp_path / "it").write_bytes(safetensors.torch.save(tensors, header))
    with pytest.raises(UserError, match=f"it is a damaged trace: .*{re.escape(sentence)}"):
        load_trace(tmp_path / "it")


@pytest.mark.parametrize("path", [5, "", None])
def test_what_names_no_file_is_refused(path, drawn, tiny):
    with pytest.raises(UserError, match=r"path=.* names no file; give one"):
        load_trace(path)
    with pytest.raises(UserError, match=r"path=.* names no file; give one"):
        save_trace(path, drawn, tiny)
