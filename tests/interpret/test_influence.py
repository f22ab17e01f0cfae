"""An influence map shows what follows from one code, and nothing else."""

import copy

import pytest
import torch

from src.data.micro_cond import MicroCond
from src.errors import UserError
from src.interpret.branch import branch_of
from src.interpret.edits import Edits
from src.interpret.influence import (
    cone,
    cone_of_pairs,
    influence,
    influence_of_forbidding,
    next_likeliest,
    own_code,
    predictions,
    ring_of,
)
from src.interpret.influence_grid import influence_grid
from src.interpret.resume import resume

STEPS, AFTER = 4, 2


def drawn(amused):
    generation = amused.generate("a star", seeds=[3], num_steps=STEPS, guidance_scale=3.0)
    return branch_of(generation, amused.transformer.mask_token_id)


@pytest.fixture(scope="module")
def branch(tiny):
    return drawn(tiny)


@pytest.fixture(scope="module")
def settled(branch):
    return tuple((~branch.trace.is_masked[AFTER - 1, 0]).nonzero()[0].tolist())


@pytest.fixture(scope="module")
def hidden(branch):
    return tuple(branch.trace.is_masked[AFTER - 1, 0].nonzero()[0].tolist())


@pytest.fixture(scope="module")
def grid(tiny, branch):
    return influence_grid(tiny, branch, AFTER)


@pytest.mark.parametrize("place", ["settled", "hidden"])
def test_changed_to_its_own_code_a_token_changes_nothing(place, tiny, branch, request):
    position = request.getfixturevalue(place)
    found = influence(tiny, branch, AFTER, position, [own_code(branch, position)], together=1)
    assert not found.changed.any()
    assert (found.divergence == 0).all()
    assert (found.moved == 0).all()


@pytest.mark.parametrize("place", ["settled", "hidden"])
def test_changed_to_another_it_moves_only_what_is_open(place, tiny, branch, request):
    position = request.getfixturevalue(place)
    found = influence(tiny, branch, AFTER, position, num_codes=2)
    assert found.codes == (
        own_code(branch, position),
        *next_likeliest(branch, AFTER, position, 2),
    )
    others = found.changed.clone()
    assert others[:, position[0], position[1]].all()
    others[:, position[0], position[1]] = False
    assert not others[:, ~found.is_open].any()
    assert others.any()
    assert torch.equal(found.moved, others.float().mean(dim=0))
    assert (found.divergence[:, found.is_open] > 0).any()
    assert (found.divergence[:, ~found.is_open] == 0).all()


def test_after_the_last_step_it_changes_itself_alone(tiny, branch):
    found = influence(tiny, branch, STEPS, (4, 4), [(own_code(branch, (4, 4)) + 1) % 32])
    assert found.changed.nonzero().tolist() == [[0, 4, 4]]
    assert not found.is_open.any()


def test_a_forbidden_token_gets_another_code_and_the_rest_is_compared_with_the_branch(
    tiny, branch, settled, hidden
):
    for position in (settled, hidden):
        found = influence_of_forbidding(tiny, branch, AFTER, position, together=1)
        assert torch.equal(found.base.token_ids, branch.token_ids)
        assert found.codes[0] == own_code(branch, position) != found.codes[1]
        told = (found.divergence > 0).any()
        assert told == (position == settled)  # only hiding again shows the others anything


def test_predictions_are_what_the_next_step_drew_from(tiny, branch):
    log_probs = predictions(tiny, branch, AFTER, [Edits()])[0].view(8, 8, -1)
    is_masked = branch.trace.is_masked[AFTER - 1, 0]
    top = branch.trace.opinion.top_ids[AFTER, 0]
    recorded = branch.trace.opinion.top_log_probs[AFTER, 0]
    torch.testing.assert_close(
        log_probs.gather(2, top)[is_masked], recorded[is_masked], rtol=1e-5, atol=1e-5
    )


def test_the_likeliest_codes_are_those_of_the_last_step_that_drew_the_position(branch, hidden):
    top = branch.trace.opinion.top_ids[AFTER - 1, 0][hidden].tolist()
    own = own_code(branch, hidden)
    assert next_likeliest(branch, AFTER, hidden, 2) == tuple(c for c in top if c != own)[:2]
    first = branch.trace.opinion.top_ids[0, 0][hidden].tolist()
    assert next_likeliest(branch, 0, hidden, 1)[0] in first
    with pytest.raises(UserError, match="num_codes=9 is impossible: the trace has"):
        next_likeliest(branch, AFTER, hidden, 9)


def test_the_grid_holds_the_influence_of_each_position(tiny, branch, grid, settled, hidden):
    for position in (settled, hidden):
        alone = influence(tiny, branch, AFTER, position, num_codes=1)
        assert grid.codes[position] == alone.codes[1]
        assert torch.equal(grid.is_open[position], alone.is_open)
        torch.testing.assert_close(grid.moved[position], alone.divergence[0], rtol=1e-3, atol=1e-5)
    assert (grid.moved >= 0).all()
    is_masked = branch.trace.is_masked[AFTER - 1, 0]
    assert torch.equal(grid.received.isnan(), ~is_masked)
    assert (grid.given > 0).all()


def test_only_conv_windows_reach_as_far_as_they_are_wide(tiny):
    """Without attention to the picture and without response norms, 3 x 3 twice: two rings."""
    near = copy.deepcopy(tiny)
    with torch.no_grad():
        for name, parameter in near.transformer.named_parameters():
            if "self_attention.out" in name or "response_norm" in name:
                parameter.zero_()
    found = influence_grid(near, drawn(near), AFTER).cone
    assert found.distance.tolist() == list(range(1, 8))
    assert (found.moved[:2] > 1e-4).all()
    assert (found.moved[2:] < 1e-9).all()
    assert (found.num_pairs > 0).all()


def test_pictures_are_watched_too_and_the_model_is_as_it_was(tiny, branch, grid):
    before = tiny.pictures_per_pass
    found = influence_grid(tiny, branch, STEPS - 1, "pictures", together=32)
    assert tiny.pictures_per_pass == before == 1
    assert set(found.moved.unique().tolist()) <= {0.0, 1.0}
    assert found.moved.any()
    assert found.cone.num_pairs.sum() == found.is_open.sum()
    with pytest.raises(UserError, match="a code lies in"):
        influence(tiny, branch, AFTER, (0, 0), [32], together=4)
    assert tiny.pictures_per_pass == before
    again = resume(tiny, branch, AFTER)
    assert torch.equal(again.token_ids, branch.token_ids)


def test_rings_and_their_means_are_counted_by_hand():
    ring = ring_of(2, 3)
    assert ring[0].tolist() == [0, 1, 2, 1, 1, 2]
    assert torch.equal(ring, ring.T)
    moved = torch.tensor([[9.0, 1.0, 0.0, 0.0, 1.0, 1.0]])
    is_open = torch.tensor([[False, True, True, True, True, False]])
    found = cone_of_pairs(moved, ring[:1], is_open)
    assert found.num_pairs.tolist() == [3, 1]
    assert found.moved.tolist() == pytest.approx([2 / 3, 0])


def test_a_single_cone_has_every_open_position_once_a_branch(tiny, branch, settled):
    found = influence(tiny, branch, AFTER, settled, num_codes=2)
    rings = cone(found)
    assert rings.num_pairs.sum() == 2 * found.is_open.sum()
    total = (rings.moved.nan_to_num() * rings.num_pairs).sum()
    assert total.item() == pytest.approx(float((found.changed & found.is_open).sum()))


def test_what_cannot_be_is_refused(tiny, branch):
    with pytest.raises(UserError, match=r"the position \(8, 0\)"):
        influence(tiny, branch, AFTER, (8, 0))
    with pytest.raises(UserError, match=r"after the last step .* give the codes"):
        influence(tiny, branch, STEPS, (0, 0))
    with pytest.raises(UserError, match="after_step=9 is impossible"):
        influence(tiny, branch, 9, (0, 0))
    with pytest.raises(UserError, match="no other token can move any more"):
        influence_grid(tiny, branch, STEPS)
    with pytest.raises(UserError, match="measure='looks' is unknown"):
        influence_grid(tiny, branch, AFTER, "looks")
    with pytest.raises(UserError, match="together=0 is impossible"):
        influence(tiny, branch, AFTER, (0, 0), [1], together=0)
    with pytest.raises(UserError, match="together=0 is impossible"):
        influence_grid(tiny, branch, AFTER, together=0)
    with pytest.raises(UserError, match="the model predicts nothing any more"):
        predictions(tiny, branch, STEPS, [Edits()])


def test_a_code_that_is_left_alone_was_likeliest_though_nothing_was_open(tiny, branch, hidden):
    only = resume(tiny, branch, 0, Edits(forbidden={hidden: range(31)}))  # code 31 alone is left
    assert only.trace.opinion.entropy[0, 0][hidden] == 0
    assert own_code(only, hidden) == 31
    assert len(next_likeliest(only, AFTER, hidden, 2)) == 2


def test_predictions_are_of_edits_that_fit_and_tell_the_model_the_same(tiny, branch):
    with pytest.raises(UserError, match="pinned has the code 32"):
        predictions(tiny, branch, AFTER, [Edits(), Edits(pinned={(0, 0): 32})])
    micro_cond = MicroCond(900.0, 300.0, 50.0, 20.0, 2.0)
    others = {"prompt": "a moon", "negative_prompt": "", "micro_cond": micro_cond, "seed": 0}
    for name, value in others.items():
        with pytest.raises(UserError, match=f"{name}=.* cannot be asked for here"):
            predictions(tiny, branch, AFTER, [Edits(), Edits(**{name: value})])


@pytest.mark.parametrize("codes", [[], 3])
def test_no_codes_to_compare_with_are_refused(tiny, branch, codes):
    with pytest.raises(UserError, match=r"codes=.* names none to compare with; give some"):
        influence(tiny, branch, AFTER, (0, 0), codes)


def test_no_edits_predict_nothing(tiny, branch):
    with pytest.raises(UserError, match="edits is empty; give one or more"):
        predictions(tiny, branch, AFTER, [])
    with pytest.raises(UserError, match="open the checkpoint that drew it"):
        predictions(tiny, branch._replace(weights_hash="0" * 64), AFTER, [Edits()])
