"""The lens is the rest of the model's own pass; at the last layer it is the model."""

import pytest
import torch

from src.amused import Amused
from src.errors import UserError
from src.interpret.ask_again import ask_again, canvas_before, rows_of
from src.interpret.capture import capture
from src.interpret.logit_lens import finish, logit_lens
from src.sampler.guidance import guide
from src.transformer.uvit import Condition

PROMPTS = ["a small red sun on a white background", "a moon"]
STEPS = 3


@pytest.fixture(scope="module")
def deep(tiny_settings):
    """Three layers, and a transformer on half the grid."""
    settings = dict(tiny_settings)
    settings["transformer"] = settings["transformer"] | {
        "num_hidden_layers": 3,
        "downsample": True,
        "upsample": True,
    }
    return Amused.from_config(settings, seed=5)


@pytest.fixture(scope="module")
def drawn(deep):
    return deep.generate(PROMPTS, seeds=[3, 4], num_steps=STEPS, guidance_scale=3.0)


@pytest.fixture(scope="module")
def lens(deep, drawn):
    return logit_lens(deep, drawn, picture=1)


def test_at_the_last_layer_it_is_the_model_to_the_last_bit(lens):
    assert lens.divergence.shape == (STEPS, 4, 8, 8)
    assert (lens.divergence[:, -1] == 0).all()
    assert (lens.rank[:, -1] == 1).all()
    assert lens.agrees[:, -1].all()


def test_earlier_layers_are_not_the_model_and_every_divergence_is_at_least_0(lens):
    assert (lens.divergence >= 0).all()
    assert (lens.divergence[:, :-1].mean(dim=(0, 2, 3)) > 1e-3).all()
    assert (lens.rank[~lens.agrees] > 1).all()
    assert (lens.rank[lens.agrees] == 1).all()


def test_what_the_model_finally_says_is_what_was_recorded(lens, drawn):
    likeliest = drawn.trace.opinion.top_ids[:, 1, :, :, 0]
    assert torch.equal(lens.final_ids[lens.is_masked], likeliest[lens.is_masked])


def test_a_pass_split_in_two_at_the_lens_is_the_whole_pass(deep, drawn):
    """At every layer: the layers that follow, then the lens, from what was captured."""
    rows = rows_of(deep, drawn.recipe).pick([0])
    uvit = deep.transformer
    canvas = canvas_before(drawn.trace, 2, uvit.mask_token_id)[[0]]
    with torch.no_grad():
        condition = uvit.prepare(*rows.text, rows.micro_cond)
        whole = uvit.predict(canvas, condition)
        with capture(deep, "layers.*") as held:
            uvit.predict(canvas, condition)
        for index in range(3):
            states = held[f"layers.{index}"][0]
            for layer in uvit.layers[index + 1 :]:
                states = layer(states, *condition)
            assert torch.equal(finish(uvit, states, condition, (8, 8)), whole)


def test_each_side_is_finished_with_its_own_condition(deep, drawn, lens):
    """By hand, from two separate passes: guided after the lens."""
    logits = ask_again(deep, drawn, 1)
    rows, uvit = rows_of(deep, drawn.recipe).pick([1]), deep.transformer
    canvas = canvas_before(drawn.trace, 1, uvit.mask_token_id)[[1]]
    sides = []
    with torch.no_grad():
        for text, micro in (
            (rows.text, rows.micro_cond),
            (rows.negative, rows.negative_micro_cond),
        ):
            condition = uvit.prepare(*text, micro)
            with capture(deep, "layers.0") as held:
                uvit.predict(canvas, condition)
            sides.append(finish(uvit, held["layers.0"][0], condition, (8, 8)))
    by_lens = guide(logits._replace(conditional=sides[0], unconditional=sides[1]), 3.0)[0]
    final = guide(logits, 3.0)[1].log_softmax(dim=-1)
    log_probs = by_lens.log_softmax(dim=-1)
    expected = (log_probs.exp() * (log_probs - final)).sum(dim=-1).view(8, 8)
    torch.testing.assert_close(lens.divergence[0, 1], expected, rtol=1e-4, atol=1e-5)


def test_without_the_last_stage_the_lens_hears_no_prompt(deep):
    """Of the same states the plain lens heeds the condition; the one that skips does not."""
    uvit = deep.transformer
    states = torch.randn(1, 16, 16, generator=torch.Generator().manual_seed(0))
    one, other = (
        Condition(torch.full((1, 4, 16), value), torch.full((1, 16), value))
        for value in (0.5, -1.0)
    )
    with torch.no_grad():
        assert torch.equal(
            finish(uvit, states, one, (8, 8), True), finish(uvit, states, other, (8, 8), True)
        )
        assert not torch.equal(
            finish(uvit, states, one, (8, 8)), finish(uvit, states, other, (8, 8))
        )


def test_without_the_last_stage_a_state_stands_for_its_four_tokens(deep, drawn):
    skipping = logit_lens(deep, drawn, guidance_scale=1.0, skips_up=True)
    assert skipping.skips_up
    ids = skipping.lens_ids
    assert torch.equal(ids[..., ::2, ::2], ids[..., 1::2, 1::2])
    assert (skipping.divergence[:, -1] > 0).any()


def test_its_picture_has_what_was_shown_and_its_own_guess_elsewhere(lens, drawn):
    shown = lens.shown_ids
    for step in range(1, STEPS):
        settled = ~drawn.trace.is_masked[step - 1, 1]
        kept = drawn.trace.token_ids[step - 1, 1][settled]
        assert (shown[step][:, settled] == kept).all()
    assert torch.equal(shown[0], lens.lens_ids[0])
    hidden = lens.hidden(lens.divergence)
    assert [len(each) for each in hidden] == [int(lens.is_masked.sum())] * 4


def test_it_leaves_the_model_as_it_was(deep, drawn, lens):
    again = deep.generate(PROMPTS, seeds=[3, 4], num_steps=STEPS, guidance_scale=3.0)
    assert torch.equal(again.trace.confidence, drawn.trace.confidence)


def test_a_picture_that_is_not_there_is_refused(deep, drawn):
    with pytest.raises(UserError, match="picture=2 is not there; this generation has 2"):
        logit_lens(deep, drawn, picture=2)
    with pytest.raises(UserError, match="guidance_scale='2' is impossible"):
        logit_lens(deep, drawn, guidance_scale="2")
