"""Wishes become edits: the later word counts, what was forbidden stays so, nothing is half done."""

import pytest

from src.data.micro_cond import MicroCond
from src.errors import UserError
from src.interpret.edits import Edits
from src.interpret.resume import resume
from src.theatre.changes import Change, checked, edits_after, in_words

GRID, CODES = (8, 8), 32


def pin(row, column, code):
    return Change("pin", (row, column), code)


def forbid(row, column, code):
    return Change("forbid", (row, column), code)


def hide(row, column):
    return Change("hide", (row, column))


def test_of_two_wishes_about_a_position_the_later_counts():
    assert checked([hide(1, 2), pin(1, 2, 3)], GRID, CODES) == Edits(pinned={(1, 2): 3})
    assert checked([pin(1, 2, 3), hide(1, 2)], GRID, CODES) == Edits(hidden=((1, 2),))
    assert checked([pin(1, 2, 3), pin(1, 2, 4)], GRID, CODES).pinned == {(1, 2): 4}
    said = [Change("say", prompt="a sun"), Change("say", prompt="a moon")]
    assert checked(said, GRID, CODES).prompt == "a moon"
    assert checked([forbid(0, 0, 1), forbid(0, 0, 2)], GRID, CODES).forbidden == {(0, 0): {1, 2}}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ([pin(8, 0, 1)], "pinned has the position \\(8, 0\\)"),
        ([pin(0, 0, 32)], "pinned has the code 32 at"),
        ([forbid(0, 0, 5), pin(0, 0, 5)], "which is forbidden there"),
        ([forbid(0, 0, code) for code in range(32)], "all 32 codes are forbidden"),
    ],
)
def test_wishes_that_do_not_fit_are_refused(changes, sentence):
    with pytest.raises(UserError, match=sentence):
        checked(changes, GRID, CODES)


def test_what_was_forbidden_before_the_step_stays_forbidden(tiny, drawn):
    earlier = resume(tiny, drawn, 1, Edits(forbidden={(0, 0): {4}}))
    assert edits_after([forbid(0, 0, 5)], earlier, 2, CODES).forbidden == {(0, 0): {4, 5}}
    assert edits_after([forbid(0, 0, 5)], earlier, 0, CODES).forbidden == {(0, 0): {5}}


def test_a_settled_token_whose_code_is_forbidden_is_drawn_again_unless_pinned(drawn):
    settled = (~drawn.trace.is_masked[1, 0]).nonzero()[0].tolist()
    code = int(drawn.trace.token_ids[1, 0][tuple(settled)])
    assert edits_after([forbid(*settled, code)], drawn, 2, CODES).hidden == (tuple(settled),)
    assert edits_after([forbid(*settled, (code + 1) % 32)], drawn, 2, CODES).hidden == ()
    pinned = [forbid(*settled, code), pin(*settled, (code + 1) % 32)]
    assert edits_after(pinned, drawn, 2, CODES).hidden == ()
    assert edits_after([forbid(*settled, code)], drawn, 0, CODES).hidden == ()  # hidden anyway


def test_a_branch_is_named_by_what_was_changed():
    changes = [pin(0, 0, 1), pin(0, 1, 1), hide(3, 3), Change("say", prompt="a moon")]
    words = in_words(checked(changes, GRID, CODES))
    assert words == '2 pinned, 1 hidden again, prompt: "a moon"'
    told = Edits(negative_prompt="rain", micro_cond=MicroCond(512, 384, 0, 2.5, 6), seed=3)
    assert (
        in_words(told) == 'negative prompt: "rain", micro-conditions: 512, 384, 0, 2.5, 6, seed: 3'
    )
    assert in_words(Edits()) == "nothing changed"
