"""A decoding stopped after any step goes on as it would have; an edit changes what it should."""

import pytest
import torch

from src.data.micro_cond import MicroCond
from src.errors import UserError
from src.interpret.branch import branch_of
from src.interpret.edits import Edits
from src.interpret.resume import resume, resume_many
from src.interpret.trace_file import load_trace, save_trace
from src.sampler.config import KNOWN_SAMPLERS, CorrectorConfig, RemaskConfig, SamplerConfig

PROMPT = "a small red sun on a white background"
STEPS = 4


def drawn(tiny, sampler="confidence", seeds=(3, 2**63 - 1), **also):
    settings = {"num_steps": STEPS, "guidance_scale": 3.0} if isinstance(sampler, str) else {}
    generation = tiny.generate(
        [PROMPT, "a star"][: len(seeds)], seeds=list(seeds), sampler=sampler, **settings, **also
    )
    return branch_of(generation, tiny.transformer.mask_token_id, len(seeds) - 1)


def same(one, other):
    """Bit for bit, with all that was recorded."""
    pairs = list(zip(one.trace[:-2], other.trace[:-2], strict=True))
    if one.trace.opinion is not None:
        pairs += list(zip(one.trace.opinion, other.trace.opinion, strict=True))
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.fixture(scope="module")
def branch(tiny):
    return drawn(tiny)


def final(branch):
    return branch.token_ids[0]


SAMPLERS = {
    **{name: SamplerConfig(name, STEPS, 3.0, schedule="cosine") for name in KNOWN_SAMPLERS},
    "hybrid": SamplerConfig("halton", STEPS, 3.0, schedule="cosine", then="moment"),
    "corrected": SamplerConfig(
        num_steps=STEPS, guidance_scale=3.0, schedule="cosine", corrector=CorrectorConfig(4, 0.5)
    ),
    "loop": SamplerConfig("remask", STEPS, 3.0, schedule="cosine", remask=RemaskConfig("loop")),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_run_stopped_after_any_step_and_resumed_unedited_is_the_original(name, tiny):
    whole = drawn(tiny, SAMPLERS[name])
    for after_step in range(STEPS + 1):
        again = resume(tiny, whole, after_step)
        assert same(again, whole)
        assert (again.trace.corrector_margin is None) == (name != "corrected")


@pytest.mark.parametrize("after_step", range(STEPS + 1))
def test_a_pinned_token_is_in_the_final_picture_whatever_the_sampler(after_step, tiny):
    for name in ("confidence", "remask", "corrected"):
        whole = drawn(tiny, SAMPLERS[name], seeds=(3,))
        row, column = 2, 5
        code = (int(final(whole)[row, column]) + 7) % 32
        after = resume(tiny, whole, after_step, Edits(pinned={(row, column): code}))
        assert final(after)[row, column] == code
        assert (after.trace.token_ids[after_step:, 0, row, column] == code).all()
        assert (after.trace.num_masked[-1] == 0).all()


def test_an_edit_after_the_last_step_changes_exactly_the_edited_ids(branch, tiny):
    codes = {
        (0, 0): (int(final(branch)[0, 0]) + 1) % 32,
        (7, 3): (int(final(branch)[7, 3]) + 1) % 32,
    }
    after = resume(tiny, branch, STEPS, Edits(pinned=codes))
    changed = (final(after) != final(branch)).nonzero().tolist()
    assert [tuple(each) for each in changed] == [(0, 0), (7, 3)]
    with pytest.raises(UserError, match="after the last step \\(4\\) nothing is drawn"):
        resume(tiny, branch, STEPS, Edits(hidden=[(0, 0)]))


def test_an_early_edit_leaves_what_was_settled_and_moves_others(branch, tiny):
    settled = ~branch.trace.is_masked[1, 0]
    place = tuple(branch.trace.is_masked[1, 0].nonzero()[0].tolist())
    code = (int(final(branch)[place]) + 5) % 32
    after = resume(tiny, branch, 2, Edits(pinned={place: code}))
    assert torch.equal(final(after)[settled], final(branch)[settled])
    assert (final(after) != final(branch)).sum() > 1
    assert torch.equal(after.trace.token_ids[:2], branch.trace.token_ids[:2])


def test_a_forbidden_code_never_appears_and_stays_forbidden_on_later_branches(branch, tiny):
    every = [(row, column) for row in range(8) for column in range(8)]
    most = {place: list(range(31)) for place in every}  # code 31 alone is left
    only = resume(tiny, branch, 0, Edits(forbidden=most))
    assert (only.trace.drawn_ids == 31).all()
    later = resume(tiny, only, 2, Edits(prompt="a star"))
    assert (final(later) == 31).all()
    free = resume(tiny, later, 2, Edits(forbidden={place: [] for place in every}))
    assert (final(free) != 31).any()


def test_hidden_again_a_token_is_drawn_again_given_the_others(branch, tiny):
    after_step = 2
    settled = ~branch.trace.is_masked[after_step - 1, 0]
    place = tuple(settled.nonzero()[0].tolist())
    after = resume(tiny, branch, after_step, Edits(hidden=[place]))
    others = settled.clone()
    others[place] = False
    assert torch.equal(final(after)[others], final(branch)[others])
    opinion = after.trace.opinion
    assert opinion.entropy[after_step, 0][place] > 0  # asked about it in the next step
    assert branch.trace.opinion.entropy[after_step, 0][place] == 0
    # a pin is undone by hiding it
    pinned = resume(tiny, branch, 1, Edits(pinned={place: 3}))
    freed = resume(tiny, pinned, 2, Edits(hidden=[place]))
    assert freed.trace.opinion.entropy[2, 0][place] > 0


def test_another_prompt_from_the_start_is_the_other_prompts_picture(branch, tiny):
    other = tiny.generate("a moon", seeds=[2**63 - 1], num_steps=STEPS, guidance_scale=3.0)
    after = resume(tiny, branch, 0, Edits(prompt="a moon"))
    assert torch.equal(after.token_ids, other.token_ids)
    midway = resume(tiny, branch, 2, Edits(prompt="a moon"))
    assert not torch.equal(midway.token_ids, branch.token_ids)
    assert not torch.equal(midway.token_ids, other.token_ids)


def test_other_micro_conditions_or_seeds_from_the_start_are_another_generation(branch, tiny):
    told = {"num_steps": STEPS, "guidance_scale": 3.0}
    micro = MicroCond(900.0, 300.0, 50.0, 20.0, 2.0)
    by_micro = tiny.generate("a star", seeds=[2**63 - 1], micro_cond=micro, **told)
    after = resume(tiny, branch, 0, Edits(micro_cond=micro))
    assert torch.equal(after.token_ids, by_micro.token_ids)
    by_seed = tiny.generate("a star", seeds=[8], **told)
    assert torch.equal(resume(tiny, branch, 0, Edits(seed=8)).token_ids, by_seed.token_ids)


def test_a_branch_off_a_branch_keeps_earlier_edits_and_drops_later_ones(branch, tiny):
    early = resume(tiny, branch, 1, Edits(pinned={(0, 0): 9}))
    late = resume(tiny, early, 3, Edits(prompt="a moon"))
    again = resume(tiny, late, 2, Edits(pinned={(1, 1): 4}))
    assert [step for step, _ in again.history] == [1, 2]
    assert final(again)[0, 0] == 9
    assert final(again)[1, 1] == 4
    straight = resume(tiny, early, 2, Edits(pinned={(1, 1): 4}))
    assert same(again, straight)
    assert same(resume(tiny, late, 0), branch)  # before all edits nothing is left of them


def test_many_branches_are_those_drawn_one_by_one_in_any_order(branch, tiny):
    edits = [Edits(pinned={(0, column): 3}) for column in range(3)]
    together = resume_many(tiny, branch, 1, edits)
    for each, alone in zip(reversed(edits), reversed(together), strict=True):
        assert same(resume(tiny, branch, 1, each), alone)


def test_branches_of_several_pictures_a_pass_are_filled_up(tiny_settings):
    from src.amused import Amused

    wide = Amused.from_config(tiny_settings, seed=5)
    wide.pictures_per_pass = 2
    branch = drawn(wide)
    edits = [Edits(), Edits(pinned={(0, 0): 3}), Edits()]
    one, two, three = resume_many(wide, branch, 1, edits)
    assert same(one, branch)
    assert same(three, branch)
    assert final(two)[0, 0] == 3


IMPOSSIBLE = {
    "pinned has the code 32 at": Edits(pinned={(0, 0): 32}),
    "pinned has the position \\(8, 0\\)": Edits(pinned={(8, 0): 1}),
    "hidden has the position 5": Edits(hidden=[5]),
    "is both pinned and hidden": Edits(pinned={(0, 0): 1}, hidden=[(0, 0)]),
    "which is forbidden there": Edits(pinned={(0, 0): 1}, forbidden={(0, 0): [1]}),
    "all 32 codes are forbidden at": Edits(forbidden={(0, 0): list(range(32))}),
    "seed=-1 is impossible": Edits(seed=-1),
}


@pytest.mark.parametrize("sentence", IMPOSSIBLE)
def test_edits_that_do_not_fit_are_refused_in_a_sentence(sentence, branch, tiny):
    with pytest.raises(UserError, match=sentence):
        resume(tiny, branch, 1, IMPOSSIBLE[sentence])


@pytest.mark.parametrize("after_step", [-1, STEPS + 1])
def test_a_step_that_is_not_there_is_refused(after_step, branch, tiny):
    with pytest.raises(UserError, match="the steps 1 to 4, and 0 is its start"):
        resume(tiny, branch, after_step)


def test_what_no_seed_can_repeat_cannot_be_branched(tiny):
    mask_token_id = tiny.transformer.mask_token_id
    by_generator = tiny.generate(PROMPT, generator=torch.Generator().manual_seed(0), num_steps=2)
    with pytest.raises(UserError, match="drawn from a generator"):
        branch_of(by_generator, mask_token_id)
    silent = tiny.generate(PROMPT, seeds=[1], num_steps=2, record=False)
    with pytest.raises(UserError, match="kept no trace"):
        branch_of(silent, mask_token_id)
    one = tiny.generate(PROMPT, seeds=[1], num_steps=2)
    for picture in (1, -1, True):
        with pytest.raises(UserError, match=f"picture={picture} is not there"):
            branch_of(one, mask_token_id, picture)


NO_EDITS = {
    r"pinned has the position \(0\.5, 1\)": Edits(pinned={(0.5, 1): 3}),
    r"pinned has the position \('a', 1\)": Edits(pinned={("a", 1): 3}),
    r"hidden has the position \(True, 1\)": Edits(hidden=[(True, 1)]),
    r"pinned is \[\(0, 1\)\]; give a code for each": Edits(pinned=[(0, 1)]),
    r"forbidden has 3 at \(0, 1\); give a list": Edits(forbidden={(0, 1): 3}),
    r"forbidden is 3; give codes for each": Edits(forbidden=3),
    r"hidden is 5; give positions": Edits(hidden=5),
    r"edits has 'x'; give Edits": "x",
    r"edits has ''; give Edits": "",
}


@pytest.mark.parametrize("sentence", NO_EDITS)
def test_what_is_no_edit_at_all_is_refused_in_a_sentence(sentence, branch, tiny):
    with pytest.raises(UserError, match=sentence):
        resume(tiny, branch, 1, NO_EDITS[sentence])


NO_TELLING = {
    "prompt is 5, which is no text": Edits(prompt=5),
    "negative_prompt is \\['a'\\], which is no text": Edits(negative_prompt=["a"]),
    "seed='x' is impossible": Edits(seed="x"),
    "whose numbers have no names": Edits(micro_cond=[6.0]),
    "micro_cond.crop_top=nan is impossible": Edits(
        micro_cond=MicroCond(32, 32, float("nan"), 0, 6)
    ),
}


@pytest.mark.parametrize("sentence", NO_TELLING)
@pytest.mark.parametrize("after_step", [1, STEPS])
def test_what_cannot_be_told_is_refused_after_the_last_step_too(sentence, after_step, branch, tiny):
    with pytest.raises(UserError, match=sentence):
        resume(tiny, branch, after_step, NO_TELLING[sentence])


def test_many_edits_come_in_a_list(branch, tiny):
    with pytest.raises(UserError, match=r"edits is Edits\(.*; give a list"):
        resume_many(tiny, branch, 1, Edits())


def test_a_branch_of_a_file_goes_on_with_the_weights_that_drew_it(branch, tiny, tmp_path):
    drawn = tiny.generate(PROMPT, seeds=[1], num_steps=2)
    save_trace(tmp_path / "x", drawn, tiny)
    of_file = branch_of(load_trace(tmp_path / "x"), tiny.transformer.mask_token_id)
    edited = resume(tiny, of_file, 1, Edits(pinned={(0, 0): 3}))
    assert edited.weights_hash == of_file.weights_hash == tiny.weights_hash
    assert branch.weights_hash is None
    for foreign in (of_file, edited):
        with pytest.raises(UserError, match="open the checkpoint that drew it"):
            resume(tiny, foreign._replace(weights_hash="0" * 64), 1)


@pytest.mark.parametrize("num_steps", [1, 2])
@pytest.mark.parametrize("mask_token_id", [5, -1, "39", 39.0])
def test_another_mask_id_than_the_traces_is_refused(tiny, num_steps, mask_token_id):
    drawn = tiny.generate(PROMPT, seeds=[1], num_steps=num_steps)
    with pytest.raises(UserError, match=r"mask_token_id=.* is not this trace's; give"):
        branch_of(drawn, mask_token_id)
