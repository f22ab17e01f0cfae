"""Guidance, taken apart: with the prompt, without it, and what the scale makes of the two."""

import math

import pytest
import torch

from src.errors import UserError
from src.interpret.ask_again import ask_again
from src.interpret.guidance_effect import guidance_effect
from src.interpret.trace_file import load_trace, save_trace
from src.sampler.config import SamplerConfig
from src.sampler.guidance import guide

PROMPTS = ["a small red sun on a white background", "a moon"]
SIDES = ("entropy", "ids")


@pytest.fixture(scope="module")
def drawn(tiny):
    config = SamplerConfig(num_steps=3, guidance_scale=4.0, guidance="linear")
    return tiny.generate(PROMPTS, "a star", seeds=[3, 4], sampler=config)


@pytest.fixture(scope="module")
def effect(tiny, drawn):
    return guidance_effect(tiny, drawn)


def of(effect, side):
    return [getattr(effect, f"{side}_{what}") for what in SIDES]


def test_the_guided_side_is_what_the_trace_recorded(effect, drawn):
    opinion, seen = drawn.trace.opinion, effect.is_drawn
    torch.testing.assert_close(effect.guided_entropy, opinion.entropy)
    assert torch.equal(effect.guided_ids[seen], opinion.top_ids[..., 0][seen])
    assert effect.scale[:, 0].tolist() == pytest.approx([2, 3, 4])
    assert effect.scale[:, 1].tolist() == pytest.approx([2, 3, 4])


def test_at_scale_one_the_prompt_alone_counts_and_at_zero_not_at_all(tiny, drawn):
    for scale, side in ((1, "conditional"), (0, "unconditional")):
        found = guidance_effect(tiny, drawn, scale)
        for mine, theirs in zip(of(found, "guided"), of(found, side), strict=True):
            assert torch.equal(mine, theirs)
    prompted = guidance_effect(tiny, drawn, 1.0)
    assert not prompted.has_changed.any()
    assert (prompted.shares_changed == 0).all()


def test_the_prompt_and_the_negative_prompt_change_places(tiny, effect, drawn):
    recipe = drawn.recipe
    told = {"prompts": recipe.negative_prompts, "negative_prompts": recipe.prompts}
    swapped = drawn._replace(recipe=type(recipe)(**{**vars(recipe), **told}))
    found = guidance_effect(tiny, swapped)
    for mine, theirs in (("conditional", "unconditional"), ("unconditional", "conditional")):
        entropy, ids = of(found, mine)
        torch.testing.assert_close(entropy, of(effect, theirs)[0])
        assert torch.equal(ids, of(effect, theirs)[1])


def test_guided_logits_lie_on_a_line_in_the_scale(tiny, drawn):
    logits = ask_again(tiny, drawn, 2)
    low, middle, high = (guide(logits, scale) for scale in (1.5, 4.0, 6.5))
    torch.testing.assert_close((low + high) / 2, middle, rtol=1e-5, atol=1e-5)


def test_where_guidance_changed_the_likeliest_code_is_counted_over_the_drawn(effect):
    changed = effect.guided_ids != effect.conditional_ids
    assert torch.equal(effect.has_changed, changed)
    assert changed.any()
    assert not (changed & ~effect.is_drawn).any()
    share = changed[1, 0].sum() / effect.is_drawn[1, 0].sum()
    assert effect.shares_changed[1, 0] == share


def test_what_a_step_did_not_draw_says_nothing(effect):
    unseen = ~effect.is_drawn
    assert unseen.any()
    for side in ("conditional", "unconditional", "guided"):
        entropy, ids = of(effect, side)
        assert (entropy[unseen] == 0).all()
        assert (ids[unseen] == -1).all()
        assert (entropy[~unseen] > 0).all()
        assert (entropy <= math.log(32) + 1e-6).all()


def test_a_saved_trace_tells_the_same_and_one_of_other_weights_is_refused(
    tiny, drawn, effect, tmp_path
):
    save_trace(tmp_path / "x", drawn, tiny)
    saved = load_trace(tmp_path / "x")
    for mine, theirs in zip(guidance_effect(tiny, saved), effect, strict=True):
        assert torch.equal(mine, theirs)
    with pytest.raises(UserError, match="open the checkpoint that drew it"):
        guidance_effect(tiny, saved._replace(weights_hash="0" * 64))


@pytest.mark.parametrize("scale", ["3", math.inf, True])
def test_an_impossible_scale_is_refused(tiny, drawn, scale):
    with pytest.raises(UserError, match=r"guidance_scale=.* is impossible"):
        guidance_effect(tiny, drawn, scale)
