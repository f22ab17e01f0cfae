"""What the theatre shows of a step is what the trace recorded, edits and all."""

import pytest
import torch

from src.errors import UserError
from src.interpret.commit_order import commit_steps
from src.interpret.edits import Edits
from src.interpret.opinion_maps import opinion_maps
from src.interpret.resume import resume
from src.theatre.seen import HIDDEN, KEPT, NOTHING_YET, PINNED, differing, seen, token_at

STEPS = 4


def test_the_start_is_all_hidden_and_nothing_is_known(drawn):
    start = token_at(seen(drawn), 0, 9)
    assert start == (NOTHING_YET, HIDDEN, 0, 0.0, 0.0, 0, [])


def test_without_edits_it_is_the_trace(drawn):
    found, maps = seen(drawn), opinion_maps(drawn.trace)
    assert torch.equal(found.token_ids[1:], drawn.trace.drawn_ids.flatten(1))
    assert torch.equal(found.states[1:] == HIDDEN, drawn.trace.is_masked.flatten(1))
    assert torch.equal(found.asked[-1], commit_steps(drawn.trace).flatten())
    for step in range(1, STEPS + 1):
        is_drawn = maps.is_drawn[step - 1].flatten()
        assert torch.equal(found.asked[step] == step, is_drawn)
        for name in ("probability", "entropy", "rank"):
            one, other = getattr(found, name)[step], getattr(maps, name)[step - 1].flatten()
            assert torch.equal(one[is_drawn], other[is_drawn])
    # a settled token keeps what was known when it was drawn
    is_settled = found.states[STEPS - 1] == KEPT
    for name in ("probability", "entropy", "rank", "token_ids"):
        last, before = getattr(found, name)[[STEPS, STEPS - 1]]
        assert torch.equal(last[is_settled], before[is_settled])


def test_a_hover_lists_the_likeliest_codes_of_the_step_that_drew_last(drawn):
    found = seen(drawn)
    index = int((found.states[2] == KEPT).nonzero()[0])
    token = token_at(found, 4, index)
    assert token.asked == found.asked[2, index]
    assert token == token_at(found, 2, index)
    probs = [prob for _, prob in token.top]
    assert probs == sorted(probs, reverse=True)
    assert 0 < sum(probs) <= 1 + 1e-5
    by_code = dict(token.top)
    if token.token_id in by_code:
        assert by_code[token.token_id] == pytest.approx(token.probability, rel=1e-4)
        assert [code for code, _ in token.top].index(token.token_id) == token.rank - 1
    assert token.rank > len(token.top) or token.token_id in by_code


def test_a_pin_shows_after_its_step_and_asks_no_more(tiny, drawn):
    index = int((seen(drawn).states[2] == HIDDEN).nonzero()[0])
    place = divmod(index, 8)
    found = seen(resume(tiny, drawn, 2, Edits(pinned={place: 7})))
    assert found.states[:, index].tolist() == [HIDDEN, HIDDEN, HIDDEN, PINNED, PINNED]
    assert found.token_ids[3:, index].tolist() == [7, 7]
    assert found.asked[:, index].tolist() == [0, 1, 2, 2, 2]
    assert found.probability[4, index] == 0  # nobody's


def test_a_token_hidden_again_is_drawn_again_and_a_pin_ends_with_it(tiny, drawn):
    index = int((seen(drawn).states[1] == KEPT).nonzero()[0])
    place = divmod(index, 8)
    again = seen(resume(tiny, drawn, 2, Edits(hidden=[place])))
    assert again.asked[:, index].tolist()[:4] == [0, 1, 1, 3]
    assert again.entropy[3, index] > 0
    pinned = resume(tiny, drawn, 1, Edits(pinned={place: 7}))
    freed = seen(resume(tiny, pinned, 3, Edits(hidden=[place])))
    assert freed.states[:, index].tolist() == [HIDDEN, KEPT, PINNED, PINNED, KEPT]
    assert freed.asked[4, index] == 4


def test_an_edit_of_the_finished_picture_shows_at_its_end(tiny, drawn):
    code = (int(drawn.token_ids[0, 0, 0]) + 1) % 32
    after = seen(resume(tiny, drawn, STEPS, Edits(pinned={(0, 0): code})))
    assert after.states[STEPS, 0] == PINNED
    assert after.states[STEPS - 1, 0] != PINNED
    assert differing(after, seen(drawn), STEPS).kept.nonzero().tolist() == [[0]]
    assert not any(each.any() for each in differing(after, seen(drawn), STEPS - 1))


def test_what_one_branch_still_hides_differs_as_a_guess_only(tiny, drawn):
    one, other = seen(drawn), seen(resume(tiny, drawn, 0, Edits(prompt="a star", seed=8)))
    for step in range(STEPS + 1):
        kept, guesses = differing(one, other, step)
        is_settled = (one.states[step] == KEPT) & (other.states[step] == KEPT)
        is_other = one.token_ids[step] != other.token_ids[step]
        assert torch.equal(kept, is_other & is_settled)
        assert torch.equal(guesses, is_other & ~is_settled)
    assert differing(one, other, 1).guesses.any()
    assert not differing(one, other, STEPS).guesses.any()
    assert differing(one, other, STEPS).kept.any()


def test_a_branch_without_opinions_is_refused(tiny):
    from src.interpret.branch import branch_of

    silent = tiny.generate(["a sun"], seeds=[1], num_steps=2, num_top=None)
    with pytest.raises(UserError, match="keeps no opinions"):
        seen(branch_of(silent, tiny.transformer.mask_token_id))
