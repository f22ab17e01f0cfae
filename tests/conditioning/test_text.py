"""The text encoder gives each prompt its own states, whatever its company."""

import warnings

import pytest
import torch

from src.conditioning.clip import build_clip, clip_l14_settings, initialise, published_settings
from src.conditioning.prompts import checked_prompts, negative_rows, picture_order, prompt_rows
from src.conditioning.text import TextEncoder
from src.conditioning.text_tokenizer import stand_in_tokenizer
from src.errors import UserError

SMALL = {
    "vocab_size": 600,
    "hidden_size": 24,
    "intermediate_size": 48,
    "projection_dim": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "max_position_embeddings": 12,
    "eos_token_id": 2,
}
PROMPTS = ["a red heart", "sun", "", "a blue anchor"]


@pytest.fixture(scope="module")
def encoder():
    tower = build_clip(SMALL, "small")
    initialise(tower, "random", torch.Generator().manual_seed(0))
    return TextEncoder(tower, stand_in_tokenizer(600, 12))


def test_clip_l14_has_the_published_number_of_parameters():
    with torch.device("meta"):
        tower = build_clip(clip_l14_settings(), "preset")
    assert sum(parameter.numel() for parameter in tower.parameters()) == 123_650_304


def test_shapes_are_window_by_width_and_the_projection(encoder):
    text = encoder.encode(PROMPTS)
    assert text.text_states.shape == (4, 12, 24)
    assert text.pooled_text.shape == (4, 16)


def test_states_are_those_of_the_penultimate_layer(encoder):
    ids = encoder.prompt_ids(["sun"])
    seen = []
    hook = encoder.clip.text_model.encoder.layers[1].register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0])
    )
    encoder(ids)
    hook.remove()
    assert torch.equal(encoder.encode(["sun"]).text_states, seen[0])


def test_a_prompt_has_the_same_bits_alone_and_in_any_company(encoder):
    together = encoder.encode([*PROMPTS, *reversed(PROMPTS)])
    for place, prompt in enumerate(PROMPTS):
        alone = encoder.encode([prompt])
        for row in (place, 7 - place):
            assert torch.equal(together.text_states[row], alone.text_states[0])
            assert torch.equal(together.pooled_text[row], alone.pooled_text[0])


def test_different_prompts_have_different_states(encoder):
    text = encoder.encode(PROMPTS)
    distances = torch.cdist(text.pooled_text, text.pooled_text)
    assert distances[~torch.eye(4, dtype=torch.bool)].min() > 0.1


def test_a_prompt_beyond_the_window_warns_and_shows_what_was_cut(encoder):
    with pytest.warns(UserWarning, match=r"reads 12; its end is cut off: '.*zebra'"):
        encoder.encode(["one two three four five six zebra"])


def test_a_prompt_without_end_is_not_echoed_whole(encoder):
    with pytest.warns(UserWarning, match="is cut off") as warned:
        encoder.prompt_ids(["sun " * 20_000])
    assert len(str(warned[0].message)) < 500


def test_a_prompt_that_fits_does_not_warn(encoder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder.encode(PROMPTS)


def test_a_tower_that_pools_at_an_id_the_tokenizer_never_writes_is_refused():
    tower = build_clip({**SMALL, "eos_token_id": 49407}, "small")
    with pytest.raises(UserError, match="pools at id 49407"):
        TextEncoder(tower, stand_in_tokenizer(600, 12))


def test_a_tower_too_small_for_the_tokenizer_is_refused():
    tower = build_clip(SMALL, "small")
    with pytest.raises(UserError, match="700 ids"):
        TextEncoder(tower, stand_in_tokenizer(700, 12))


@pytest.mark.parametrize("spelling", ["torch_dtype", "dtype"])
def test_both_spellings_of_the_stored_precision_are_read(spelling):
    assert build_clip({**SMALL, spelling: "float16"}, "small").dtype == torch.float32


def test_settings_survive_writing_and_reading():
    tower = build_clip(SMALL, "small")
    written = published_settings(tower, torch.float16)
    assert written["torch_dtype"] == "float16"
    assert written.keys() == clip_l14_settings().keys() | {"torch_dtype"}
    assert published_settings(build_clip(written, "again"), torch.float16) == written


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"hidden_sizes": 3}, "did you mean 'hidden_size'"),
        ({"hidden_size": 25}, "not a multiple"),
        ({"hidden_size": "wide"}, "expected int"),
    ],
)
def test_impossible_settings_are_refused_in_a_sentence(wrong, sentence):
    with pytest.raises(UserError, match=sentence):
        build_clip({**SMALL, **wrong}, "text_encoder/config.json")


@pytest.mark.parametrize("init", ["random", "training"])
def test_one_seed_gives_one_tower(init):
    states = []
    for _ in range(2):
        tower = build_clip(SMALL, "small")
        initialise(tower, init, torch.Generator().manual_seed(3))
        states.append(tower.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_pictures_of_one_prompt_stand_together():
    assert picture_order(2, 3) == [0, 0, 0, 1, 1, 1]


def test_one_negative_prompt_serves_all(encoder):
    one = negative_rows(encoder, "blurry", 3)
    three = negative_rows(encoder, ["blurry"] * 3, 3)
    assert torch.equal(one.text_states, three.text_states)


def test_without_negatives_the_empty_prompt_is_meant(encoder):
    assert torch.equal(
        negative_rows(encoder, None, 2).pooled_text, encoder.encode(["", ""]).pooled_text
    )


def test_encoded_prompts_pass_through(encoder):
    text = encoder.encode(PROMPTS)
    assert torch.equal(prompt_rows(encoder, text).text_states, text.text_states)
    assert torch.equal(negative_rows(encoder, text, 4).pooled_text, text.pooled_text)


def test_two_negatives_for_three_prompts_are_refused(encoder):
    with pytest.raises(UserError, match="2 negative prompts for 3 prompts"):
        negative_rows(encoder, ["a", "b"], 3)


@pytest.mark.parametrize(
    ("prompts", "sentence"),
    [([], "is empty"), (None, "give a text"), (["a", 3], "number 2 of prompts is 3"), (7, "is 7")],
)
def test_prompts_that_are_not_text_are_refused(prompts, sentence):
    with pytest.raises(UserError, match=sentence):
        checked_prompts(prompts)


@pytest.mark.parametrize("count", [0, -1, 1.5, "two", True])
def test_an_impossible_number_of_pictures_is_refused(count):
    with pytest.raises(UserError, match="num_images_per_prompt"):
        picture_order(2, count)
