"""Hidden tokens of real pictures: which are hidden, and whose answers are collected."""

import pytest
import torch
from torch import Generator

from src.amused import Amused
from src.data.micro_cond import MicroCond
from src.errors import UserError
from src.interpret.teacher_forcing import ask, hide_share, mean_of_pictures, told

MASK = 39  # the tiny model's
CAPTIONS = ["a small red sun on a white background", "a star", "a moon"]


@pytest.fixture(scope="module")
def tiny(tiny_settings):
    return Amused.from_config(tiny_settings, seed=5)


@pytest.fixture
def token_ids(rng):
    return torch.randint(32, (3, 8, 8), generator=rng)


@pytest.fixture
def rows(tiny):
    return told(tiny, CAPTIONS, MicroCond.default(32, 32))


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


@pytest.mark.parametrize(("ratio", "num_hidden"), [(1e-9, 1), (0.5, 32), (0.33, 21), (1.0, 64)])
def test_the_same_rounded_share_of_every_picture_is_hidden(token_ids, ratio, num_hidden):
    hidden = hide_share(token_ids, ratio, MASK, seeded())
    assert hidden.is_masked.sum(dim=(1, 2)).tolist() == [num_hidden] * 3
    assert torch.equal(hidden.token_ids == MASK, hidden.is_masked)
    assert torch.equal(hidden.token_ids[~hidden.is_masked], token_ids[~hidden.is_masked])


def test_a_larger_share_hides_the_same_places_and_more(token_ids):
    few, many = (hide_share(token_ids, ratio, MASK, seeded()).is_masked for ratio in (0.3, 0.7))
    assert (few <= many).all()
    assert not torch.equal(few[0], few[1])


@pytest.mark.parametrize("ratio", [0.0, -0.5, 1.01, float("nan")])
def test_an_impossible_share_is_refused(token_ids, ratio):
    with pytest.raises(UserError, match=r"mask_ratio=.* above 0 and up to 1"):
        hide_share(token_ids, ratio, MASK, seeded())


def test_answers_are_the_models_own_at_hidden_positions_picture_by_picture(tiny, token_ids, rows):
    hidden = hide_share(token_ids, 0.5, MASK, seeded())
    answers = ask(tiny, hidden, rows)
    with torch.no_grad():
        logits = tiny.transformer(hidden.token_ids, *rows.text, rows.micro_cond)
    expected = logits.log_softmax(-1)[hidden.is_masked.flatten(1)]
    torch.testing.assert_close(answers.log_probs, expected, atol=1e-5, rtol=0)
    assert torch.equal(answers.true_ids, token_ids[hidden.is_masked])
    assert torch.equal(answers.pictures, torch.arange(3).repeat_interleave(32))


def test_guidance_pushes_away_from_the_empty_prompt(tiny, token_ids, rows):
    hidden = hide_share(token_ids, 0.5, MASK, seeded())
    without = told(tiny, ["", "", ""], MicroCond.default(32, 32))
    empty, once = ask(tiny, hidden, without), ask(tiny, hidden, rows)
    logits = empty.log_probs + 3 * (once.log_probs - empty.log_probs)
    thrice = ask(tiny, hidden, rows, 3.0)
    torch.testing.assert_close(thrice.log_probs, logits.log_softmax(-1), atol=1e-4, rtol=0)
    torch.testing.assert_close(ask(tiny, hidden, rows, 0.0).log_probs, empty.log_probs)


def test_chosen_pictures_keep_their_answers(tiny, token_ids, rows):
    answers = ask(tiny, hide_share(token_ids, 0.5, MASK, seeded()), rows)
    chosen = answers.of_pictures(torch.tensor([2, 0]))
    assert chosen.pictures.unique().tolist() == [0, 2]
    assert torch.equal(chosen.log_likelihood[32:], answers.log_likelihood[64:])


def test_captions_of_fewer_pictures_are_refused(tiny, token_ids, rows):
    with pytest.raises(UserError, match="2 captions are told of 3 pictures"):
        ask(tiny, hide_share(token_ids, 0.5, MASK, seeded()), rows.pick([0, 1]))


def test_a_mean_is_of_each_pictures_own_positions():
    means = mean_of_pictures(torch.tensor([1.0, 3.0, 5.0]), torch.tensor([0, 0, 2]), 3)
    assert means[[0, 2]].tolist() == [2, 5]
    assert means[1].isnan()


def test_an_impossible_scale_is_refused(tiny, token_ids, rows):
    hidden = hide_share(token_ids, 0.5, MASK, seeded())
    with pytest.raises(UserError, match="guidance_scale='2' is impossible"):
        ask(tiny, hidden, rows, "2")


@pytest.mark.parametrize("ratio", ["x", None, True])
def test_what_is_no_share_is_refused(token_ids, ratio):
    with pytest.raises(UserError, match=r"mask_ratio=.* is impossible; give a share"):
        hide_share(token_ids, ratio, MASK, seeded())


def test_where_nothing_is_hidden_nothing_is_asked(tiny, token_ids, rows):
    hidden = hide_share(token_ids, 0.5, MASK, seeded())
    with pytest.raises(UserError, match="no token is hidden"):
        ask(tiny, hidden._replace(is_masked=torch.zeros_like(hidden.is_masked)), rows)
