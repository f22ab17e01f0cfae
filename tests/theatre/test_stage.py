"""The stage answers from the record, runs the model when told to, and refuses in a sentence."""

import pytest
import torch

from src.errors import UserError
from src.interpret.branch import branch_of
from src.interpret.edits import Edits
from src.interpret.resume import resume
from src.theatre.stage import Stage

STEPS = 4


@pytest.fixture
def mute(stage):
    """The same stage, whose model fails if it is run."""

    def refused(*_):
        raise AssertionError("the model ran")

    hook = stage.amused.transformer.logits_out.register_forward_pre_hook(refused)
    yield stage
    hook.remove()


def test_looking_and_asking_never_run_the_model(mute):
    mute.look(1)
    mute.token(2, 3)
    mute.choose(0)
    mute.compare(0)
    mute.differing()
    mute.pin(0, 0, 5)
    mute.forbid(1, 1, 2)
    mute.hide(2, 2)
    mute.say("a star")
    mute.undo()
    assert [each.kind for each in mute.changes] == ["pin", "forbid", "hide"]
    with pytest.raises(AssertionError, match="the model ran"):
        mute.go_on()


def test_going_on_is_resume_with_the_edits_asked_for(stage, tiny, drawn):
    stage.pin(2, 5, 7)
    stage.forbid(0, 3, 4)
    stage.hide(6, 6)
    stage.say("a star")
    assert stage.go_on() == 1
    edits = Edits({(2, 5): 7}, {(0, 3): [4]}, [(6, 6)], "a star")
    expected = resume(tiny, drawn, 2, edits)
    assert torch.equal(stage.node.branch.trace.token_ids, expected.trace.token_ids)
    assert (stage.current, stage.step, stage.compared, stage.changes) == (1, STEPS, 0, [])
    assert (stage.node.parent, stage.node.after_step) == (0, 2)
    is_other = (expected.token_ids != drawn.token_ids).flatten().nonzero()[:, 0].tolist()
    assert stage.differing() == (is_other, [])
    assert is_other != []
    stage.look(2)
    assert stage.differing() == ([], [])


def test_going_on_unchanged_is_the_same_picture_again(stage, drawn):
    stage.go_on()
    assert torch.equal(stage.node.branch.token_ids, drawn.token_ids)
    assert stage.node.words == "nothing changed"


def test_branches_off_branches_make_a_tree_and_the_slider_stays_where_it_can(stage):
    stage.pin(0, 0, 3)
    stage.go_on()
    stage.look(1)
    stage.say("a star")
    stage.go_on()
    stage.choose(0)
    stage.draw("a moon", seed=1, num_steps=2, guidance_scale=3.0)
    assert [each.parent for each in stage.nodes] == [None, 0, 1, None]
    stage.choose(2)
    stage.look(3)
    stage.choose(3)
    assert stage.step == 2
    stage.compare(2)
    assert stage.differing().guesses != []  # the longer one at its step 2


def test_a_refused_action_leaves_the_stage_as_it_was(stage):
    stage.pin(0, 0, 3)
    before = list(stage.changes)
    refused = {
        "pinned has the position \\(9, 0\\)": lambda: stage.pin(9, 0, 1),
        "pinned has the code 99": lambda: stage.pin(0, 1, 99),
        "which is forbidden there": lambda: stage.forbid(0, 0, 3),
        "number 1 of prompts is 5": lambda: stage.say(5),
        "step=5 is not there; this branch has 0 to 4": lambda: stage.look(5),
        "step=True is not there": lambda: stage.look(True),
        "branch 1 is not there": lambda: stage.choose(1),
        "branch 7 is not there": lambda: stage.compare(7),
        "\\(8, 8\\) is no token": lambda: stage.token(8, 8),
        "\\('a', 0\\) is no token": lambda: stage.token("a", 0),
        "\\(0.5, 0\\) is no token": lambda: stage.token(0.5, 0),
        "\\(0, True\\) is no token": lambda: stage.token(0, True),
    }
    for sentence, action in refused.items():
        with pytest.raises(UserError, match=sentence):
            action()
    assert (stage.changes, stage.step, stage.current, stage.compared) == (before, 2, 0, None)
    stage.hide(1, 1)
    stage.look(STEPS)
    with pytest.raises(UserError, match="nothing is drawn any more"):
        stage.go_on()
    assert len(stage.nodes) == 1
    assert len(stage.changes) == 2


def test_one_stage_holds_pictures_of_one_grid(tiny, drawn):
    small = tiny.generate(["a sun"], seeds=[1], num_steps=2, height=16, width=32, num_top=4)
    branch = branch_of(small, tiny.transformer.mask_token_id)
    stage = Stage(tiny)
    stage.add(branch)
    for refused in (lambda: stage.draw("a moon", num_steps=2), lambda: stage.add(drawn)):
        with pytest.raises(UserError, match="\\(8, 8\\) tokens and those here have \\(4, 8\\)"):
            refused()
    assert (len(stage.nodes), stage.current, stage.step) == (1, 0, 2)


def test_what_is_done_wholly_or_not_is_taken_back_where_it_fails(stage):
    stage.pin(0, 0, 3)
    before = list(stage.nodes), 0, 2, None, list(stage.changes)

    @stage.wholly_or_not()
    def refused():
        stage.go_on()
        stage.hide(1, 1)
        stage.compare(9)

    with pytest.raises(UserError, match="branch 9"):
        refused()
    assert (stage.nodes, stage.current, stage.step, stage.compared, stage.changes) == before


def test_an_empty_stage_and_an_empty_list_of_changes_say_so(tiny, stage):
    with pytest.raises(UserError, match="draw a picture first"):
        Stage(tiny).look(0)
    with pytest.raises(UserError, match="nothing to undo"):
        stage.undo()


def test_a_drawing_tells_how_far_it_is(tiny):
    told = []
    Stage(tiny).draw("a star", num_steps=3, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
