"""Attention maps of words stay distributions, and are those of the side with the prompt."""

import pytest
import torch

from src.amused import Amused
from src.data.micro_cond import MicroCond
from src.errors import UserError
from src.interpret.capture import capture
from src.interpret.sites import text_attentions
from src.interpret.word_maps import (
    numbered,
    on_token_grid,
    text_attention,
    text_attention_of_run,
    word_maps,
)
from src.interpret.words import words_of

PROMPT = "a zebra above a red sun"
STEPS = 3
MICRO = MicroCond.default(32, 32)


@pytest.fixture(scope="module")
def watched(tiny):
    """A guided generation, and what its attentions held while it ran."""
    sites = [f"{name}.weights" for name in text_attentions(tiny)]
    with capture(tiny, sites) as captured:
        drawn = tiny.generate(PROMPT, seeds=[3], num_steps=STEPS, guidance_scale=3.0)
    return drawn, captured


@pytest.fixture(scope="module")
def looked(tiny, watched):
    return text_attention_of_run(tiny, watched[0], keep_heads=True)


@pytest.fixture(scope="module")
def halved(tiny_settings):
    """A model whose transformer works on a grid of half the sides."""
    sides = tiny_settings["transformer"] | {"downsample": True, "upsample": True}
    return Amused.from_config(tiny_settings | {"transformer": sides}, seed=5)


def test_what_is_looked_at_again_is_the_prompts_half_of_the_guided_batch(tiny, watched, looked):
    assert list(looked.sites) == text_attentions(tiny)
    for name, probs in zip(looked.sites, looked.probs, strict=True):
        assert probs.shape == (STEPS, 2, 8, 8, 32)
        for step in range(STEPS):
            unconditional, prompted = watched[1][f"{name}.weights"][step]
            found = probs[step].flatten(1, 2)
            torch.testing.assert_close(found, prompted, atol=1e-5, rtol=1e-4)
            assert not torch.allclose(found, unconditional, atol=1e-4)


def test_the_mean_over_any_heads_sites_and_steps_is_a_distribution(looked):
    ones = torch.ones(8, 8)
    for weights in ({}, {"heads": [3, 1]}, {"steps": [0, 1, 0], "sites": [1, 0, 0, 2, 0.5]}):
        torch.testing.assert_close(looked.mean(**weights).sum(dim=-1), ones)


def test_weights_choose_what_they_say(looked):
    torch.testing.assert_close(looked.mean(steps=[0, 2, 0]), looked.by_step()[1])
    torch.testing.assert_close(looked.mean(sites=[0, 0, 1, 0, 0]), looked.by_site()[2])
    one_head = looked.mean(sites=[0, 0, 1, 0, 0], heads=[0, 1])
    torch.testing.assert_close(one_head, looked.by_head(looked.sites[2])[1])
    by_hand = torch.stack([each.mean(dim=(0, 1)) for each in looked.probs]).mean(dim=0)
    torch.testing.assert_close(looked.mean(), by_hand)


def test_heads_averaged_at_once_are_heads_averaged_later(tiny, watched, looked):
    found = text_attention_of_run(tiny, watched[0])
    torch.testing.assert_close(found.mean(), looked.mean())
    assert found.probs[0].shape[1] == 1


def test_words_begin_end_and_padding_are_all_that_is_read(looked):
    maps = word_maps(looked.words, looked.mean())
    total = maps.masses.sum(dim=0) + maps.begin + maps.end + maps.padding
    torch.testing.assert_close(total, torch.ones(8, 8))
    assert sum(maps.shares.values()) == pytest.approx(1, abs=1e-5)
    names = ["(begin)", "a", "zebra", "above", "a (2)", "red", "sun", "(end)", "(padding)"]
    assert list(maps.shares) == names
    assert maps.shares["(padding)"] > 0


def test_a_words_map_is_the_mean_over_its_pieces(tiny):
    words = words_of(tiny.text_encoder, PROMPT)
    attention = torch.arange(32.0).expand(2, 3, 32)
    maps = word_maps(words, attention)
    assert words.pieces[1] == (2, 3, 4, 5, 6, 7)
    assert (maps.maps[1] == 4.5).all()
    assert (maps.masses[1] == 27).all()
    assert (maps.maps[0] == 1).all()
    assert (maps.begin == 0).all()
    assert (maps.end == words.end).all()
    assert (maps.padding == sum(range(words.end + 1, 32))).all()


def test_maps_of_steps_stand_behind_their_words(looked):
    by_step = word_maps(looked.words, looked.by_step())
    assert by_step.maps.shape == (6, STEPS, 8, 8)
    second = word_maps(looked.words, looked.by_step()[1])
    torch.testing.assert_close(by_step.maps[:, 1], second.maps)


def test_words_that_change_places_do_not_simply_change_their_maps(tiny):
    canvas = torch.full((1, 8, 8), tiny.transformer.mask_token_id)
    canvas[0, :4] = torch.arange(32).view(4, 8)
    one, other = (
        word_maps(found.words, found.mean()).maps
        for found in (
            text_attention(tiny, canvas, prompt, MICRO) for prompt in ("red sun", "sun red")
        )
    )
    assert not torch.allclose(one[0], other[1], atol=1e-6)


def test_a_token_of_a_halved_grid_reads_what_its_place_reads(halved):
    probs = torch.rand(2, 3, 4 * 2, 5)
    found = on_token_grid(probs, (8, 4))
    assert found.shape == (2, 3, 8, 4, 5)
    for row in range(8):
        for column in range(4):
            place = probs[:, :, row // 2 * 2 + column // 2]
            assert torch.equal(found[:, :, row, column], place)
    canvas = torch.arange(64).view(1, 8, 8) % 32
    looked = text_attention(halved, canvas, PROMPT, MICRO)
    assert len(looked.sites) == 5
    for probs in looked.probs:
        assert probs.shape == (1, 1, 8, 8, 32)
        torch.testing.assert_close(probs.sum(dim=-1), torch.ones(1, 1, 8, 8))
        assert len(probs.flatten(0, 3).unique(dim=0)) == 16


def test_many_canvases_are_looked_at_in_several_passes(tiny):
    canvases = torch.arange(7)[:, None, None].expand(7, 8, 8).contiguous()
    together = text_attention(tiny, canvases, PROMPT, MICRO, ["layers.*.text_attention"])
    alone = text_attention(tiny, canvases[5:6], PROMPT, MICRO, ["layers.0.text_attention"])
    assert together.sites == alone.sites
    torch.testing.assert_close(together.probs[0][5], alone.probs[0][0], atol=1e-5, rtol=1e-4)


def test_names_that_come_again_are_numbered():
    assert numbered(["a", "sun", "a", "a"]) == ["a", "sun", "a (2)", "a (3)"]


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({"steps": [1, 2]}, "the weights of steps are \\[1, 2\\]; give 3 numbers"),
        ({"sites": [-1, 1, 1, 1, 1]}, "the weights of sites"),
        ({"heads": [0, 0]}, "not all of them 0"),
        ({"steps": "x"}, "the weights of steps are 'x'; give 3 numbers"),
    ],
)
def test_impossible_weights_are_refused(looked, weights, said):
    with pytest.raises(UserError, match=said):
        looked.mean(**weights)


def test_other_sites_and_pictures_are_refused(tiny, watched, looked):
    with pytest.raises(UserError, match=r"'layers\.0' is no attention to the text"):
        text_attention_of_run(tiny, watched[0], names=["layers.0"])
    with pytest.raises(UserError, match="picture=1 is not there"):
        text_attention_of_run(tiny, watched[0], 1)
    with pytest.raises(UserError, match="picture=True is not there"):
        text_attention_of_run(tiny, watched[0], True)
    with pytest.raises(UserError, match=r"'layers\.7' was not looked at"):
        looked.by_head("layers.7")


def test_a_canvas_holds_codes_and_hidden_tokens(tiny):
    with pytest.raises(UserError, match=r"token_ids holds 32 at \(0, 0, 0\); a code lies in 0..31"):
        text_attention(tiny, torch.full((1, 8, 8), 32), PROMPT, MICRO)
