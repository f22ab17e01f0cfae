"""The widget without a browser: what it sends, and that every failure ends in its own message."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from src.errors import UserError
from src.image_tokenizer.pictures import to_images
from src.interpret.codebook import code_tiles
from src.interpret.edits import Edits
from src.interpret.resume import resume
from src.theatre.pictures import COLUMNS, step_pictures, tile_sheet
from src.theatre.theatre import Theatre

STEPS = 4
HIDE = {"kind": "hide", "code": None, "prompt": None}
DRAW = {"do": "draw", "prompt": "a moon", "seed": "5", "num_steps": "3", "guidance_scale": "2"}


@pytest.fixture
def theatre(tiny):
    return Theatre(tiny, "a star", seed=2, num_steps=STEPS, guidance_scale=3.0)


@pytest.fixture(scope="module")
def patient(tiny):
    """One that every failure is tried on."""
    return Theatre(tiny, "a star", seed=2, num_steps=STEPS, guidance_scale=3.0)


def array(data, name):
    kind = "<f4" if name in ("probability", "entropy", "top_probs") else "<i4"
    return torch.from_numpy(np.frombuffer(data.arrays[name], kind).copy())


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def test_a_branch_is_sent_whole_and_once(theatre):
    (first,) = theatre.branches
    found = theatre.stage.node.seen
    for name, field in found._asdict().items():
        assert torch.equal(array(first, name), field.flatten().to(array(first, name).dtype))
    assert first.facts["prompts"] == ["a star"] * (STEPS + 1)
    assert first.facts["grid"] == [8, 8]
    theatre.do({"do": "go_on", "step": 1, "prompt": "a moon"})
    assert theatre.branches[0] is first
    assert theatre.branches[1].facts["prompts"] == ["a star", *["a moon"] * STEPS]
    assert theatre.branches[1].facts["token_ids"] != first.facts["token_ids"]


def test_the_pictures_of_a_new_branch_are_those_of_its_trace(theatre, tiny):
    for step in (1, STEPS):
        theatre.do({"do": "branch", "step": 0, "branch": 0})
        theatre.do({"do": "pin", "step": step, "row": 0, "column": 0, "code": 3})
        theatre.do({"do": "go_on", "step": step})
        branch = theatre.stage.node.branch
        assert theatre.branches[-1].pictures == step_pictures(tiny, branch)
        last = tiny.decode_tokens(branch.token_ids)[0]
        assert np.array_equal(pixels(theatre.branches[-1].pictures[-1]), np.asarray(last))


def test_every_code_has_its_tile(tiny):
    sheet = tile_sheet(tiny)
    tiles = to_images(code_tiles(tiny.image_tokenizer))
    for code in (0, 5, 31):
        left, top = code % COLUMNS * sheet.side, code // COLUMNS * sheet.side
        shown = pixels(sheet.png)[top : top + sheet.side, left : left + sheet.side]
        assert np.array_equal(shown, np.asarray(tiles[code]))


def test_a_drawing_from_typed_words_is_one_more_branch(theatre, tiny):
    theatre.do(DRAW | {"schedule": "linear", "step": 2})
    facts = theatre.branches[-1].facts
    assert (facts["parent"], facts["seed"], facts["num_steps"]) == (None, "5", 3)
    assert (facts["guidance_scale"], facts["schedule"]) == (2.0, "linear")
    same = tiny.generate("a moon", seeds=[5], num_steps=3, guidance_scale=2.0, schedule="linear")
    assert facts["token_ids"] == same.token_ids.flatten().tolist()


SENTENCES = {
    "nothing to undo": {"do": "undo"},
    "'dance'} is no action; known: step, pin": {"do": "dance"},
    "5 is no action": 5,
    "step=9 is not there": {"do": "hide", "step": 9, "row": 0, "column": 0},
    "give (row, column) from (0, 0) to (7, 7)": {"do": "hide", "row": 8, "column": 0},
    "hidden has the position (None, 0)": {"do": "hide", "row": None, "column": 0},
    "seed='x' is impossible; give a whole number": DRAW | {"seed": "x"},
    "num_steps=0 is impossible": DRAW | {"num_steps": "0"},
    "guidance_scale=None is impossible; give a number": DRAW | {"guidance_scale": None},
    "seeds[0] is -1": DRAW | {"seed": "-1"},
    "number 1 of prompts is None": DRAW | {"prompt": None},
}


@pytest.mark.parametrize("sentence", SENTENCES)
def test_what_goes_wrong_is_shown_and_the_next_action_works(sentence, patient):
    patient.do({"do": "forget"})
    patient.do(SENTENCES[sentence])
    assert sentence in patient.state["error"]
    assert patient.state["busy"] is None
    assert len(patient.branches) == 1
    patient.do({"do": "hide", "step": 2, "row": 0, "column": 0})
    assert patient.state["error"] is None
    assert [each["kind"] for each in patient.state["changes"]] == ["hide"]


def told_of(stage):
    return len(stage.nodes), stage.current, stage.step, stage.compared, list(stage.changes)


def test_a_refused_action_leaves_the_stage_as_it_was(patient):
    patient.do({"do": "forget"})
    patient.do({"do": "hide", "step": 2, "row": 1, "column": 1})
    before = told_of(patient.stage)
    for message, sentence in (
        ({"do": "dance", "step": 1}, "is no action"),
        ({"do": "branch", "step": 1, "branch": 9}, "branch 9 is not there"),
        ({"do": "go_on", "step": STEPS, "prompt": "a moon"}, "nothing is drawn any more"),
    ):
        patient.do(message)
        assert sentence in patient.state["error"]
        assert told_of(patient.stage) == before
        assert patient.state["changes"] == [{**HIDE, "row": 1, "column": 1}]


def test_a_picture_that_fails_is_told_and_no_branch_comes_of_it(patient, tiny):
    def broken(*_):
        raise RuntimeError("no picture")

    patient.do({"do": "forget"})
    before, answers = told_of(patient.stage), patient.state["answers"]
    hook = tiny.image_tokenizer.decoder.register_forward_pre_hook(broken)
    patient.do({"do": "go_on", "step": 1, "prompt": "a moon"})
    hook.remove()
    assert patient.state["error"] == "This did not work (RuntimeError: no picture)."
    assert (patient.state["busy"], patient.state["answers"]) == (None, answers + 1)
    assert told_of(patient.stage) == before
    assert len(patient.branches) == 1


def test_an_unknown_setting_is_refused_by_its_name(tiny):
    with pytest.raises(UserError, match="guidance=2 is no setting; did you mean 'guidance_scale'"):
        Theatre(tiny, "a star", guidance=2)


def test_guidance_of_none_is_the_checkpoints_own_in_the_form_too(tiny):
    form = Theatre(tiny, guidance_scale=None).state["settings"]
    assert form["guidance_scale"] == tiny.guidance_scale


def test_the_seed_that_is_sent_is_the_one_in_force(tiny, theatre):
    again = resume(tiny, theatre.stage.node.branch, 2, Edits(seed=2**60 + 1))
    theatre.stage.add(again)
    theatre.do({"do": "step"})
    assert [each.facts["seed"] for each in theatre.branches] == ["2", str(2**60 + 1)]


def test_while_it_draws_it_says_how_far_it_is(theatre):
    seen = []
    theatre.observe(lambda change: seen.append(change["new"]["busy"]), "state")
    theatre.do(DRAW | {"schedule": None})
    told = [each["text"] for each in seen if each]
    assert told == ["Drawing", *(f"Drawing: step {k} of 3" for k in (1, 2, 3))]
    assert seen[-1] is None


def test_a_slider_that_came_to_rest_is_where_python_looks_too(theatre):
    theatre.step = 1
    assert theatre.stage.step == 1
    theatre.step = 99  # of a branch that is no longer on the stage
    assert theatre.stage.step == 1


def test_it_opens_empty_and_draws_when_told(tiny):
    theatre = Theatre(tiny)
    assert (theatre.state["current"], theatre.branches) == (None, [])
    theatre.do({"do": "pin", "row": 0, "column": 0, "code": 1})
    assert "draw a picture first" in theatre.state["error"]
    theatre.do(DRAW)
    assert theatre.state["current"] == 0
