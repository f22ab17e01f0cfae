"""Deletion and insertion: a true ranking beats chance, and areas follow how true it is."""

from itertools import pairwise

import pytest
import torch

from src.data.micro_cond import MicroCond
from src.errors import UserError
from src.interpret.faithfulness import area, curves_of, faithfulness, value_of_words
from src.interpret.teacher_forcing import ask, hide_share, told

WORTH = torch.tensor([5.0, 3.0, 2.0, 1.0, 0.5, 0.0])
MICRO = MicroCond.default(32, 32)


def linear(is_said):
    """A model in which every word adds its worth."""
    return (is_said * WORTH).sum(dim=1)


def areas(ranking):
    (found,) = curves_of(linear, torch.tensor([ranking]))
    return found.deletion_area, found.insertion_area


def test_words_go_and_come_one_by_one_the_first_of_the_ranking_first():
    (found,) = curves_of(linear, torch.tensor([[2, 0, 1, 3, 4, 5]]))
    assert found.deletion.tolist() == [11.5, 9.5, 4.5, 1.5, 0.5, 0.0, 0.0]
    assert found.insertion.tolist() == [0.0, 2.0, 7.0, 10.0, 11.0, 11.5, 11.5]


def test_the_area_is_the_mean_height_by_trapezoids():
    assert area(torch.tensor([2.0, 2.0, 2.0])) == 2
    assert area(torch.tensor([0.0, 1.0, 1.0])) == 0.75


def test_the_true_ranking_beats_every_random_one_and_the_false_one_none(rng):
    found = faithfulness(linear, WORTH, 50, rng)
    assert found.deletion_share >= 0.99
    assert found.insertion_share >= 0.99
    found = faithfulness(linear, -WORTH, 50, rng)
    assert found.deletion_share <= 0.01
    assert found.insertion_share <= 0.01


def test_a_model_that_all_words_are_alike_to_lets_no_ranking_win(rng):
    found = faithfulness(lambda said: said.sum(dim=1).float(), WORTH, 20, rng)
    assert found.deletion_share == found.insertion_share == 0.5


def test_the_areas_are_monotone_in_how_far_a_ranking_is_from_the_true_one():
    ranking = list(range(6))
    deletion, insertion = [], []
    for end in range(5, 0, -1):  # bubbles from true to reversed, two neighbours at a time
        for at in range(end):
            for found, to in zip(areas(ranking), (deletion, insertion), strict=True):
                to.append(found)
            ranking[at], ranking[at + 1] = ranking[at + 1], ranking[at]
    assert ranking == [5, 4, 3, 2, 1, 0]
    assert len(deletion) == 15
    assert all(after > before for before, after in pairwise(deletion))
    assert all(after < before for before, after in pairwise(insertion))


def test_no_set_of_words_is_asked_about_twice():
    asked = []

    def counted(is_said):
        asked.extend(map(tuple, is_said.tolist()))
        return linear(is_said)

    curves_of(counted, torch.tensor([[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 5, 4]]))
    assert len(asked) == len(set(asked)) == 14  # 2 x 7, 6 of them in both, twice; 2 ends the same


def test_of_a_model_all_words_are_its_answer_and_none_the_empty_prompt(tiny):
    rng = torch.Generator().manual_seed(1)
    token_ids = torch.randint(0, 32, (1, 8, 8), generator=rng)
    hidden = hide_share(token_ids, 0.5, tiny.transformer.mask_token_id, rng)
    value = value_of_words(tiny, hidden, "a red sun", MICRO, "left out")
    is_said = torch.tensor([[True] * 3, [False] * 3, [True, False, True]])
    found = value(is_said)
    for prompt, mine in zip(("a red sun", "", "a sun"), found, strict=True):
        theirs = ask(tiny, hidden, told(tiny, [prompt], [MICRO])).log_likelihood.mean()
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("scores", "num_random"), [(torch.tensor([1.0, torch.nan]), 5), (WORTH, 0), (WORTH[:0], 3)]
)
def test_what_cannot_be_ranked_is_refused(scores, num_random, rng):
    with pytest.raises(UserError, match="give a finite score a word, and at least one ranking"):
        faithfulness(linear, scores, num_random, rng)
