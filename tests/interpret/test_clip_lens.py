"""The lens at the depth that aMUSEd listens to is aMUSEd."""

import pytest
import torch

from src.amused import Amused
from src.errors import UserError
from src.interpret.clip_lens import PARTS, clip_lens, num_depths, text_at

PROMPT = "a small red sun on a white background"
DRAWING = {"num_steps": 2, "guidance_scale": 3.0}


@pytest.fixture(scope="module")
def deep(tiny_settings):
    """Three layers of CLIP, so four depths."""
    settings = dict(tiny_settings)
    settings["text_encoder"] = settings["text_encoder"] | {"num_hidden_layers": 3}
    return Amused.from_config(settings, seed=5)


@pytest.fixture(scope="module")
def lens(deep):
    return clip_lens(deep, PROMPT, seed=3, **DRAWING)


def test_the_depth_it_always_hears_gives_the_ordinary_picture_token_for_token(lens, deep):
    plain = deep.generate(PROMPT, seeds=[3], **DRAWING).token_ids[0]
    assert torch.equal(lens.ordinary, plain)
    assert lens.depths == (0, 1, 2, 3)
    assert torch.equal(lens.token_ids[PARTS.index("states"), 2], plain)
    assert torch.equal(lens.token_ids[PARTS.index("pooled"), 3], plain)


def test_other_depths_give_other_pictures_and_shares_say_how_far_apart(lens):
    states, pooled, both = lens.changed
    assert states[2] == 0
    assert pooled[3] == 0
    assert (torch.cat([states[[0, 1, 3]], pooled[:3], both]) > 0).all()
    by_hand = (lens.token_ids[2, 0] != lens.ordinary).sum() / 64
    assert both[0] == by_hand


def test_each_part_is_taken_alone(deep):
    ordinary = deep.encode_prompts(PROMPT)
    states, pooled, both = (text_at(deep, PROMPT, 1, part) for part in PARTS)
    assert torch.equal(states.pooled_text, ordinary.pooled_text)
    assert torch.equal(pooled.text_states, ordinary.text_states)
    assert torch.equal(both.text_states, states.text_states)
    assert torch.equal(both.pooled_text, pooled.pooled_text)
    assert not torch.equal(states.text_states, ordinary.text_states)
    assert not torch.equal(pooled.pooled_text, ordinary.pooled_text)


def test_the_pooled_vector_is_the_normed_and_projected_state_of_the_end_of_text(deep):
    clip = deep.text_encoder.clip
    ids = deep.text_encoder.prompt_ids([PROMPT])
    end = (ids[0] == deep.text_encoder.tokenizer.eos_token_id).nonzero()[0, 0]
    with torch.no_grad():
        states = text_at(deep, PROMPT, 1, "states").text_states
        expected = clip.text_projection(clip.text_model.final_layer_norm(states)[:, end])
    torch.testing.assert_close(text_at(deep, PROMPT, 1, "pooled").pooled_text, expected)


def test_depth_0_is_the_embedded_words(deep):
    ids = deep.text_encoder.prompt_ids([PROMPT])
    with torch.no_grad():
        words = deep.text_encoder.clip.text_model.embeddings(ids)
    assert torch.equal(text_at(deep, PROMPT, 0, "states").text_states, words)


def test_only_the_depths_asked_for_are_drawn(deep):
    assert num_depths(deep) == 4
    few = clip_lens(deep, PROMPT, seed=3, depths=[2], **DRAWING)
    assert few.token_ids.shape == (3, 1, 8, 8)


def test_what_is_not_there_is_refused(deep):
    with pytest.raises(UserError, match="depth=4 is not there; this text encoder has 0 to 3"):
        clip_lens(deep, PROMPT, seed=3, depths=[4], **DRAWING)
    with pytest.raises(UserError, match="part='words' is unknown; give one of states, pooled"):
        text_at(deep, PROMPT, 1, "words")
    with pytest.raises(UserError, match="there is no depth to look at"):
        clip_lens(deep, PROMPT, seed=3, depths=[], **DRAWING)
