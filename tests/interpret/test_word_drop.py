"""Dropping words: the change is that of the model's own answers, and of hidden tokens alone."""

import pytest
import torch

from src.data.micro_cond import MicroCond
from src.errors import UserError
from src.interpret.ask_again import ask_again
from src.interpret.teacher_forcing import ask, hide_share, told
from src.interpret.trace_file import load_trace, save_trace
from src.interpret.word_drop import word_drop, word_drop_of_run

PROMPT, SHORTER = "a small red sun on white", "a small sun on white"
MICRO = MicroCond.default(32, 32)


@pytest.fixture(scope="module")
def hidden(tiny):
    rng = torch.Generator().manual_seed(1)
    token_ids = torch.randint(0, 32, (1, 8, 8), generator=rng)
    return hide_share(token_ids, 0.5, tiny.transformer.mask_token_id, rng)


@pytest.fixture(scope="module")
def drop(tiny, hidden):
    return word_drop(tiny, hidden, PROMPT, MICRO)


@pytest.fixture(scope="module")
def drawn(tiny):
    return tiny.generate([PROMPT, "a star"], seeds=[3, 4], num_steps=3, guidance_scale=4.0)


def test_each_word_is_dropped_alone_and_named(drop):
    assert drop.names == PROMPT.split()
    assert drop.groups == tuple((word,) for word in range(6))
    assert drop.change.shape == drop.divergence.shape == (1, 6, 8, 8)
    assert (drop.change[:, :, drop.is_hidden[0]].abs().amax(dim=(0, 2)) > 0).all()


def test_what_was_shown_does_not_count(drop, hidden):
    assert torch.equal(drop.is_hidden[0], hidden.is_masked[0])
    for field in (drop.change, drop.divergence):
        assert (field[:, :, ~hidden.is_masked[0]] == 0).all()
    means = drop.change[0, :, hidden.is_masked[0]].mean(dim=1)
    torch.testing.assert_close(drop.effects, means)
    torch.testing.assert_close(drop.total, drop.change[0])


def test_dropping_no_word_changes_nothing(tiny, hidden):
    found = word_drop(tiny, hidden, PROMPT, MICRO, [()])
    assert (found.change == 0).all()
    assert (found.divergence == 0).all()


def test_left_out_is_what_the_model_answers_to_the_shorter_prompt(tiny, hidden):
    found = word_drop(tiny, hidden, PROMPT, MICRO, [(2,)], "left out")
    whole, without = (ask(tiny, hidden, told(tiny, [each], [MICRO])) for each in (PROMPT, SHORTER))
    at = hidden.is_masked[0]
    expected = whole.log_likelihood - without.log_likelihood
    torch.testing.assert_close(found.change[0, 0, at], expected, atol=1e-5, rtol=1e-4)
    moved = (whole.log_probs.exp() * (whole.log_probs - without.log_probs)).sum(dim=1)
    torch.testing.assert_close(found.divergence[0, 0, at], moved, atol=1e-5, rtol=1e-4)


def test_words_dropped_in_one_batch_are_words_dropped_one_by_one(tiny, hidden, drop):
    for word in (0, 3):
        alone = word_drop(tiny, hidden, PROMPT, MICRO, [(word,)])
        torch.testing.assert_close(alone.change[:, 0], drop.change[:, word], atol=1e-5, rtol=1e-4)


def test_more_words_than_fit_into_a_pass_are_all_asked_about(tiny, hidden, drop):
    groups = [(word % 6,) for word in range(20)]
    found = word_drop(tiny, hidden, PROMPT, MICRO, groups)
    torch.testing.assert_close(found.change[:, 12:18], drop.change, atol=1e-5, rtol=1e-4)


def test_of_a_run_all_words_left_out_leave_what_is_said_without_a_prompt(tiny, drawn):
    groups = [tuple(range(6))]
    found = word_drop_of_run(tiny, drawn, 0, groups, "left out")
    for step in (1, 2, 3):
        unconditional = ask_again(tiny, drawn, step).unconditional[0].log_softmax(dim=-1)
        drawn_ids = drawn.trace.drawn_ids[step - 1, 0].flatten()
        without = unconditional.gather(1, drawn_ids[:, None])[:, 0].view(8, 8)
        at = found.is_hidden[step - 1]
        expected = drawn.trace.confidence[step - 1, 0] - without
        change = found.change[step - 1, 0]
        torch.testing.assert_close(change[at], expected[at], atol=1e-4, rtol=1e-4)
    assert found.is_hidden[0].all()
    assert not found.is_hidden[2].all()


def test_a_saved_trace_tells_the_same_and_other_pictures_have_their_own_words(
    tiny, drawn, tmp_path
):
    save_trace(tmp_path / "x", drawn, tiny)
    found = word_drop_of_run(tiny, load_trace(tmp_path / "x"), 1)
    assert found.names == ["a", "star"]
    assert torch.equal(found.change, word_drop_of_run(tiny, drawn, 1).change)


def test_what_cannot_be_asked_is_refused_in_a_sentence(tiny, hidden, drawn):
    with pytest.raises(UserError, match="word 9 is not there"):
        word_drop(tiny, hidden, PROMPT, MICRO, [(9,)])
    two = type(hidden)(*(torch.cat([field, field]) for field in hidden))
    with pytest.raises(UserError, match="2 pictures with 64 hidden tokens are given"):
        word_drop(tiny, two, PROMPT, MICRO)
    with pytest.raises(UserError, match="picture=2 is not there"):
        word_drop_of_run(tiny, drawn, 2)
    with pytest.raises(UserError, match="picture=True is not there"):
        word_drop_of_run(tiny, drawn, True)


def test_words_are_dropped_by_their_places(tiny, hidden, drawn):
    for groups in ([("sun",)], [0]):
        with pytest.raises(UserError, match="give places of words, from 0"):
            word_drop(tiny, hidden, PROMPT, MICRO, groups)
        with pytest.raises(UserError, match="give places of words, from 0"):
            word_drop_of_run(tiny, drawn, 0, groups)
