"""The model asked again says what it said when the picture was drawn."""

import pytest
import torch

from src.errors import UserError
from src.interpret.ask_again import (
    ask_again,
    canvas_before,
    check_same_model,
    guidance_dtype,
    guidance_in,
    rows_of,
)
from src.interpret.commit_order import was_drawn
from src.interpret.trace_file import load_trace, save_trace
from src.sampler.config import CorrectorConfig, SamplerConfig
from src.sampler.entropies import entropy
from src.sampler.guidance import guide

PROMPTS = ["a small red sun on a white background", "a moon"]
SAMPLERS = {
    "confidence": SamplerConfig(num_steps=4, guidance_scale=3.0),
    "interval": SamplerConfig(num_steps=4, guidance_scale=3.0, guidance_from=0.9),
    "remask": SamplerConfig(name="remask", num_steps=4, guidance_scale=2.0),
    "corrected": SamplerConfig(num_steps=4, guidance_scale=2.0, corrector=CorrectorConfig(4, 0.5)),
}


@pytest.fixture(scope="module", params=SAMPLERS)
def drawn(request, tiny):
    return tiny.generate(PROMPTS, ["", "a star"], seeds=[3, 4], sampler=SAMPLERS[request.param])


@pytest.mark.parametrize("step", [1, 2, 4])
def test_the_recorded_opinion_comes_out_again(drawn, tiny, step):
    logits = ask_again(tiny, drawn, step)
    guided = guide(logits, guidance_in(drawn, step), guidance_dtype(drawn)).view(2, 8, 8, -1)
    is_drawn = was_drawn(drawn.trace)[step - 1]
    assert is_drawn.any()
    opinion = drawn.trace.opinion
    log_probs = guided[is_drawn].log_softmax(dim=-1)
    best = log_probs.topk(5)
    assert torch.equal(best.indices, opinion.top_ids[step - 1][is_drawn])
    torch.testing.assert_close(best.values, opinion.top_log_probs[step - 1][is_drawn])
    torch.testing.assert_close(entropy(log_probs), opinion.entropy[step - 1][is_drawn])


def test_local_steps_cannot_be_asked_again(tiny):
    local = tiny.generate(
        PROMPTS[0], seeds=1, sampler=SamplerConfig(num_steps=4, full_step_every=2)
    )
    with pytest.raises(UserError, match="full_step_every=2 of this run kept answers"):
        ask_again(tiny, local, 2)


def test_of_another_step_it_is_another_opinion(drawn, tiny):
    """The claim above can fail: the canvas of each step matters."""
    again = [guide(ask_again(tiny, drawn, step), guidance_in(drawn, 2)) for step in (2, 3)]
    is_drawn = was_drawn(drawn.trace)[2].flatten(1)
    assert not torch.allclose(again[0][is_drawn], again[1][is_drawn], atol=1e-3)


def test_the_canvas_of_a_step_hides_what_the_step_drew(drawn, tiny):
    mask = tiny.transformer.mask_token_id
    for step in range(1, 5):
        hidden = canvas_before(drawn.trace, step, mask) == mask
        assert torch.equal(hidden, was_drawn(drawn.trace)[step - 1])


def test_before_the_first_step_only_given_tokens_are_seen(drawn):
    is_given = torch.zeros(2, 8, 8, dtype=torch.bool)
    is_given[1, 3] = True
    start = canvas_before(drawn.trace._replace(is_given=is_given), 1, 39)
    assert torch.equal(start == 39, ~is_given)
    assert torch.equal(start[is_given], drawn.trace.drawn_ids[0][is_given])


def test_many_pictures_in_a_pass_are_told_apart(tiny):
    """Also where the last pass is filled up."""
    told = {"seeds": [1, 2, 3], "num_steps": 2, "guidance_scale": 2.0}
    drawn = tiny.generate([*PROMPTS, "a star"], **told)
    alone = ask_again(tiny, drawn, 2)
    tiny.pictures_per_pass = 2
    try:
        together = ask_again(tiny, drawn, 2)
    finally:
        tiny.pictures_per_pass = 1
    torch.testing.assert_close(together.conditional, alone.conditional)
    torch.testing.assert_close(together.unconditional, alone.unconditional)
    assert not torch.allclose(alone.conditional[0], alone.conditional[1], atol=1e-2)


def test_without_need_there_is_no_unconditional_side(tiny):
    drawn = tiny.generate(PROMPTS[0], seeds=[1], num_steps=2)
    logits = ask_again(tiny, drawn, 1, need_unconditional=False)
    assert logits.unconditional is None
    torch.testing.assert_close(logits.conditional, ask_again(tiny, drawn, 1).conditional)


def test_a_saved_trace_is_asked_as_the_generation_is(tiny, tmp_path):
    drawn = tiny.generate(PROMPTS, seeds=[1, 2], num_steps=3)
    save_trace(tmp_path / "x", drawn, tiny)
    saved = load_trace(tmp_path / "x")
    check_same_model(tiny, saved)
    for mine, theirs in zip(ask_again(tiny, saved, 2), ask_again(tiny, drawn, 2), strict=True):
        assert torch.equal(mine, theirs)
    with pytest.raises(UserError, match="open the checkpoint that drew it"):
        check_same_model(tiny, saved._replace(weights_hash="0" * 64))


def test_what_cannot_be_asked_is_refused_in_a_sentence(tiny):
    drawn = tiny.generate(PROMPTS[0], seeds=[1], num_steps=2)
    for step in (0, 3, True):
        with pytest.raises(UserError, match=f"step={step} is not there: the trace has 1 to 2"):
            ask_again(tiny, drawn, step)
    silent = tiny.generate(PROMPTS[0], seeds=[1], num_steps=2, record=False)
    with pytest.raises(UserError, match="record=True"):
        ask_again(tiny, silent, 1)
    encoded = tiny.generate(tiny.encode_prompts(PROMPTS[0]), seeds=[1], num_steps=2)
    with pytest.raises(UserError, match="draw them from prompts"):
        rows_of(tiny, encoded.recipe)


def test_a_file_of_another_model_is_not_asked(tiny, tmp_path):
    save_trace(tmp_path / "x", tiny.generate(PROMPTS[0], seeds=[1], num_steps=2), tiny)
    foreign = load_trace(tmp_path / "x")._replace(weights_hash="0" * 64)
    with pytest.raises(UserError, match="open the checkpoint that drew it"):
        ask_again(tiny, foreign, 1)


@pytest.mark.parametrize("step", [0, -1, 3, "1"])
def test_a_step_that_is_not_there_had_no_guidance(tiny, step):
    drawn = tiny.generate(PROMPTS[0], seeds=[1], num_steps=2)
    with pytest.raises(UserError, match=r"step=.* is not there: the trace has 1 to 2"):
        guidance_in(drawn, step)
