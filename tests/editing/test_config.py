"""Settings of the editing tasks, checked before anything is opened."""

import pytest

from src.compose import composed
from src.errors import UserError

IMPOSSIBLE = {
    "editing.mode=upstrem": "editing.mode='upstrem' is unknown; did you mean 'upstream'",
    "editing.file=avi": "editing.file='avi' is unknown",
    "editing.strength=1.5": "editing.strength=1.5 is impossible; give a number from 0 to 1",
    "editing.strength=nan": "editing.strength=nan is impossible",
    "editing.feather=-1": "editing.feather=-1 is impossible",
    "editing.halo=99": "editing.halo=99 is impossible",
    "editing.num_frames=0": "editing.num_frames=0 is impossible",
    "editing.num_scenes=1": "editing.num_scenes=1 is impossible",
    "editing.hidden_share=1.1": "editing.hidden_share=1.1 is impossible",
    "editing.frames_per_second=0": "editing.frames_per_second=0.0 is impossible",
    "editing.left=-1": "editing.left=-1.0 is impossible",
    "editing.top=1.5": "editing.top=1.5 is impossible; give whole pixels from 1 on",
    "editing.motion=[1]": r"editing.motion=\[1.0\] is impossible",
    "editing.motion=[1,nan]": "editing.motion=.*is impossible",
    "editing.strengths=[]": r"editing.strengths=\[\] is impossible",
    "editing.strengths=[0.5,0.5]": "give at least one, each once",
    "editing.strengths=[0.5,2]": r"editing.strengths\[1\]=2.0 is impossible",
    "editing.weights=[1,0]": r"editing.weights\[1\]=0.0 is impossible",
    "editing.stregth=1": "did you mean 'editing.strength'",
    "editing.masks=m.png": "editing.masks has to be a list of texts",
    "micro_cond.aesthetic_score=2": "has no effect: the task video reads",
}


@pytest.mark.parametrize("typed", IMPOSSIBLE)
def test_an_impossible_setting_is_one_sentence(typed):
    with pytest.raises(UserError, match=IMPOSSIBLE[typed]):
        composed(["+exp=video", typed])


@pytest.mark.parametrize(
    "typed",
    [
        ["+exp=outpaint", "editing.feather=3"],
        ["+exp=vary", "editing.masks=[m.png]"],
        ["+exp=edit_regions", "editing.halo=1"],
        ["+exp=video", "editing.images=[p.png]"],
        ["+exp=inpaint", "editing.motion=[1,0]"],
    ],
)
def test_what_a_task_does_not_look_at_is_refused(typed):
    with pytest.raises(UserError, match=r"has no effect: the task .* reads .* of editing"):
        composed(typed)


def test_a_gif_is_no_faster_than_viewers_show_it():
    with pytest.raises(UserError, match=r"editing\.frames_per_second=60\.0 is impossible"):
        composed(["+exp=video", "editing.frames_per_second=60"])
    composed(["+exp=video", "editing.frames_per_second=60", "editing.file=mp4"])


def test_what_is_possible_composes():
    config = composed(["+exp=inpaint", "editing.strength=0", "editing.halo=1"]).config
    assert config.editing.strength == 0
    assert config.editing.images == []
