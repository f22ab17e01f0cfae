"""Two branches compared: what differs is what was changed and what followed from it."""

import pytest
import torch

from src.errors import UserError
from src.interpret.branch import branch_of
from src.interpret.branches import compare
from src.interpret.commit_order import GIVEN, commit_steps
from src.interpret.edits import Edits
from src.interpret.resume import resume

STEPS = 4


def drawn(tiny, num_steps=STEPS):
    generation = tiny.generate("a star", seeds=[3], num_steps=num_steps, guidance_scale=3.0)
    return branch_of(generation, tiny.transformer.mask_token_id)


@pytest.fixture(scope="module")
def branch(tiny):
    return drawn(tiny)


def test_a_branch_does_not_differ_from_itself(branch):
    found = compare(branch, branch)
    assert not found.differs.any()
    assert found.share == 0
    assert found.first_apart is None
    assert (found.confidence == 0).all()
    assert torch.equal(found.one_kept, found.other_kept)


def test_an_edit_after_the_last_step_is_all_that_differs(branch, tiny):
    code = (int(branch.token_ids[0, 2, 5]) + 1) % 32
    other = resume(tiny, branch, STEPS, Edits(pinned={(2, 5): code}))
    found = compare(branch, other)
    assert found.differs.nonzero().tolist() == [[2, 5]]
    assert found.first_apart == STEPS
    assert found.share == 1 / 64


def test_branches_are_one_until_they_are_edited(branch, tiny):
    other = resume(tiny, branch, 2, Edits(prompt="a moon"))
    found = compare(branch, other)
    assert found.first_apart > 2
    assert torch.equal(found.other_kept, commit_steps(other.trace)[0])
    settled = found.one_kept <= 2
    assert torch.equal(found.one_kept[settled], found.other_kept[settled])
    assert (found.confidence[settled] == 0).all()


def test_differences_of_confidence_are_signed_and_turn_with_the_branches(branch, tiny):
    other = resume(tiny, branch, 1, Edits(seed=8))
    there, back = compare(branch, other), compare(other, branch)
    assert torch.equal(there.confidence, -back.confidence)
    by_hand = other.trace.confidence[-1, 0].exp() - branch.trace.confidence[-1, 0].exp()
    assert torch.equal(there.confidence, by_hand)
    assert (by_hand != 0).any()


def test_other_decodings_are_not_compared(branch, tiny):
    with pytest.raises(UserError, match="4 and 3 steps"):
        compare(branch, drawn(tiny, 3))


def test_a_token_hidden_again_by_an_edit_was_kept_when_it_was_drawn_again(branch, tiny):
    place = tuple((compare(branch, branch).one_kept == 1).nonzero()[0].tolist())
    other = resume(tiny, branch, STEPS - 1, Edits(hidden=[place]))
    found = compare(branch, other)
    assert found.one_kept[place] == 1
    assert found.other_kept[place] == STEPS
    assert other.trace.opinion.rank[STEPS - 1, 0][place] > 0  # the model was asked in that step


def test_what_was_pinned_is_given_and_nobodys_confidence(branch, tiny):
    late = resume(tiny, branch, STEPS, Edits(pinned={(2, 5): 3}))
    early = resume(tiny, branch, 1, Edits(pinned={(2, 5): 3}))
    for other in (late, early):
        for found, kept in (
            (compare(branch, other), "other_kept"),
            (compare(other, branch), "one_kept"),
        ):
            assert (getattr(found, kept) == GIVEN).nonzero().tolist() == [[2, 5]]
            assert found.confidence.isnan().nonzero().tolist() == [[2, 5]]
    freed = resume(tiny, early, STEPS - 1, Edits(hidden=[(2, 5)]))
    found = compare(branch, freed)
    assert found.other_kept[2, 5] == STEPS
    assert not found.confidence.isnan().any()
