"""Each token guessed from all others: only hidden positions are read, and each pass is its own."""

import pytest
import torch

from src.errors import UserError
from src.interpret.ask_again import ask_again, rows_of
from src.interpret.regret import leave_one_out, with_alternatives
from src.predicting import predict_for

PROMPTS = ["a small red sun on a white background", "a moon"]


@pytest.fixture(scope="module")
def drawn(tiny):
    return tiny.generate(PROMPTS, seeds=[3, 4], num_steps=2, height=16, width=24)


@pytest.fixture(scope="module")
def rows(tiny, drawn):
    return rows_of(tiny, drawn.recipe)


@pytest.fixture(scope="module")
def regret(tiny, drawn, rows):
    return leave_one_out(tiny, drawn.token_ids, rows)


def test_each_number_is_that_of_its_own_pass(tiny, drawn, rows, regret):
    for picture, row, column in [(0, 0, 0), (1, 2, 4), (1, 3, 5)]:
        canvas = drawn.token_ids[[picture]].clone()
        canvas[0, row, column] = 39
        with torch.no_grad():
            predict = predict_for(tiny.transformer, rows.pick([picture]))
            logits = predict(canvas, canvas == 39, False).conditional
        log_probs = logits[0, row * 6 + column].log_softmax(dim=0)
        own = log_probs[drawn.token_ids[picture, row, column]]
        at = picture, row, column
        torch.testing.assert_close(regret.log_prob[at], own)
        torch.testing.assert_close(regret.regret[at], log_probs.max() - own)
        assert regret.rank[at] == (log_probs > own).sum() + 1
        assert torch.equal(regret.top_ids[at], log_probs.topk(5).indices)
        torch.testing.assert_close(regret.top_log_probs[at], log_probs.topk(5).values)


def test_regret_is_none_exactly_where_the_token_is_the_likeliest(regret, drawn):
    assert (regret.regret >= 0).all()
    assert torch.equal(regret.regret == 0, regret.top_ids[..., 0] == drawn.token_ids)
    assert torch.equal(regret.regret == 0, regret.rank == 1)


def test_the_last_visible_token_hidden_is_the_ordinary_prediction_of_the_first_step(tiny, rows):
    """All others are hidden already: the model sees what it sees in step 1."""
    drawn = tiny.generate(PROMPTS[0], seeds=[1], num_steps=2, height=16, width=24)
    canvas = torch.full((1, 4, 6), 39)
    canvas[0, 1, 2] = drawn.token_ids[0, 1, 2]
    found = leave_one_out(tiny, canvas, rows_of(tiny, drawn.recipe), canvases_per_pass=1)
    first = ask_again(tiny, drawn, 1, need_unconditional=False).conditional
    log_probs = first[0, 1 * 6 + 2].log_softmax(dim=0)
    assert found.is_asked.sum() == 1
    assert torch.equal(found.log_prob[0, 1, 2], log_probs[canvas[0, 1, 2]])
    assert torch.equal(found.top_ids[0, 1, 2], log_probs.topk(5).indices)
    assert found.pseudo_log_likelihood.item() == found.log_prob[0, 1, 2].item()


def test_the_model_never_sees_the_token_that_it_is_asked_about(tiny, drawn, rows, regret):
    """Reading the visible position instead would tell another token there."""
    other = drawn.token_ids.clone()
    other[0, 2, 3] = (other[0, 2, 3] + 1) % 32
    found = leave_one_out(tiny, other, rows)
    assert torch.equal(found.top_log_probs[0, 2, 3], regret.top_log_probs[0, 2, 3])
    assert not torch.equal(found.top_log_probs[0], regret.top_log_probs[0])  # its neighbours do
    assert torch.equal(found.top_log_probs[1], regret.top_log_probs[1])


def test_it_does_not_depend_on_how_the_passes_are_split(tiny, drawn, rows, regret):
    split = leave_one_out(tiny, drawn.token_ids, rows, canvases_per_pass=7)
    torch.testing.assert_close(split.log_prob, regret.log_prob)
    torch.testing.assert_close(split.pseudo_log_likelihood, regret.pseudo_log_likelihood)
    assert torch.equal(split.top_ids, regret.top_ids)
    alone = leave_one_out(tiny, drawn.token_ids[[1]], rows.pick([1]))
    torch.testing.assert_close(alone.log_prob[0], regret.log_prob[1])


def test_the_pseudo_log_likelihood_is_the_sum(regret):
    expected = regret.log_prob.double().sum(dim=(1, 2)).float()
    assert torch.equal(regret.pseudo_log_likelihood, expected)


def test_guidance_is_off_unless_asked_for(tiny, drawn, rows, regret):
    off = leave_one_out(tiny, drawn.token_ids, rows, guidance_scale=1.0)
    guided = leave_one_out(tiny, drawn.token_ids, rows, guidance_scale=4.0)
    assert torch.equal(off.log_prob, regret.log_prob)
    assert not torch.allclose(guided.log_prob, regret.log_prob, atol=1e-2)
    swapped = rows._replace(text=rows.negative, negative=rows.text)
    unprompted = leave_one_out(tiny, drawn.token_ids, rows, guidance_scale=0.0)
    expected = leave_one_out(tiny, drawn.token_ids, swapped)
    torch.testing.assert_close(unprompted.log_prob, expected.log_prob)


def test_the_worst_come_first_and_only_where_there_is_regret(regret):
    worst = regret.worst(picture=1, num_worst=6)
    values = [regret.regret[1][place].item() for place in worst]
    assert values == sorted(regret.regret[1].flatten().tolist(), reverse=True)[:6]
    calm = regret._replace(log_prob=regret.best_log_prob)
    assert calm.worst() == []


def test_alternatives_change_one_token(regret, drawn):
    changed = with_alternatives(drawn.token_ids[0], regret, 0, (2, 3))
    assert torch.equal(changed[:, 2, 3], regret.top_ids[0, 2, 3])
    changed[:, 2, 3] = drawn.token_ids[0, 2, 3]
    assert torch.equal(changed, drawn.token_ids[0].expand(5, -1, -1))


def test_what_cannot_be_is_refused(tiny, drawn, rows):
    with pytest.raises(UserError, match="num_top=33 is impossible; give a whole number from 1 to"):
        leave_one_out(tiny, drawn.token_ids, rows, num_top=33)
    with pytest.raises(UserError, match="canvases_per_pass=0"):
        leave_one_out(tiny, drawn.token_ids, rows, canvases_per_pass=0)
    with pytest.raises(UserError, match="rows tells of 2 pictures and token_ids has 1"):
        leave_one_out(tiny, drawn.token_ids[:1], rows)


@pytest.mark.parametrize("scale", ["2", None, float("nan"), -1, 1e38])
def test_an_impossible_scale_is_refused(tiny, drawn, rows, scale):
    with pytest.raises(UserError, match=r"guidance_scale=.* is impossible; give a number from 0"):
        leave_one_out(tiny, drawn.token_ids, rows, scale)


def test_a_token_is_a_code_or_hidden(tiny, drawn, rows):
    wrong = drawn.token_ids.clone()
    wrong[1, 2, 3] = 32
    with pytest.raises(UserError, match=r"token_ids holds 32 at \(1, 2, 3\)"):
        leave_one_out(tiny, wrong, rows)


def test_what_is_not_there_is_not_regretted(drawn, regret):
    with pytest.raises(UserError, match="picture=4 is not there"):
        regret.worst(4)
    with pytest.raises(UserError, match="num_worst=-3 is impossible"):
        regret.worst(0, -3)
    assert regret.worst(0, 0) == []
    with pytest.raises(UserError, match=r"regret has the position \(8, 0\)"):
        with_alternatives(drawn.token_ids[0], regret, 0, (8, 0))
    with pytest.raises(UserError, match="picture=4 is not there"):
        with_alternatives(drawn.token_ids[0], regret, 4, (0, 0))
