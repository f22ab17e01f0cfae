"""Video without having seen one: the first frame moved, and mended where it has to be."""

import numpy as np
import pytest
import torch

from src.editing.video import moved
from tests.editing.conftest import PROMPTS, check_refused

QUICK = {"num_steps": 3, "num_top": None}
HIDDEN = 99


def by_hand(token_ids, right: int, down: int):
    """A pixel loop: where a token of the first frame comes to lie."""
    height, width = token_ids.shape[1:]
    after = torch.full_like(token_ids, HIDDEN)
    for row in range(height):
        for column in range(width):
            if 0 <= row - down < height and 0 <= column - right < width:
                after[:, row, column] = token_ids[:, row - down, column - right]
    return after


@pytest.mark.parametrize("right", [-7, -5, -1, 0, 2, 4, 5, 90])
@pytest.mark.parametrize("down", [-4, -3, 0, 1, 3, 4, -90])
def test_every_token_is_moved_and_what_came_into_sight_is_hidden(right, down):
    token_ids = torch.arange(40).view(2, 4, 5)
    assert torch.equal(moved(token_ids, right, down, HIDDEN), by_hand(token_ids, right, down))


@pytest.mark.parametrize("motion", [(2, 0), (0, 2), (4, -2), (-2, -4), (3, 0.9), (-1.5, 0)])
def test_with_nothing_else_hidden_a_frame_is_the_first_one_moved(system, motion):
    video = system.video("sun", 4, motion, 0, seeds=1, **QUICK)
    first = video.frames[0].token_ids
    assert video.motion == motion
    assert len(video.images()) == 4
    for number, frame in enumerate(video.frames):
        right, down = (int(np.floor(number * each / 2 + 0.5)) for each in motion)
        wanted = by_hand(first, right, down)
        is_known = wanted != HIDDEN
        assert torch.equal(frame.token_ids[is_known], wanted[is_known])
        if number:
            assert torch.equal(frame.edited.is_hidden, ~is_known)


def test_without_motion_and_hidden_tokens_every_frame_is_the_first(system):
    video = system.video("sun", 3, (0, 0), 0, seeds=1, **QUICK)
    assert video.images()[1] == video.images()[2] == video.images()[0]
    assert not video.frames[2].edited.is_hidden.any()


def test_the_first_frame_is_a_picture_like_any_other(system):
    video = system.video(PROMPTS, 2, seeds=[1, 2, 3], **QUICK)
    drawn = system.generate(PROMPTS, seeds=[1, 2, 3], **QUICK)
    assert video.frames[0].images == drawn.images
    assert video.frames[0].recipe == drawn.recipe
    assert video.frames[0].edited is None


@pytest.mark.parametrize(
    ("hidden_share", "count"), [(0, 6), (0.1, 9), (0.5, 21), (1, 36), (1.0, 36)]
)
def test_a_share_of_the_tokens_that_were_moved_is_hidden_besides(system, hidden_share, count):
    """One column of 6 tokens comes into sight, and 30 are left."""
    frame = system.video("sun", 2, (2, 0), hidden_share, seeds=1, **QUICK).frames[1]
    assert frame.edited.is_hidden.sum() == count
    assert frame.edited.is_hidden[0, :, 0].all()


def test_moved_beyond_the_picture_a_frame_is_drawn_whole_and_under_a_linear_schedule(system):
    video = system.video("sun", 3, (-12, 0), 0.1, seeds=1, schedule="square", **QUICK)
    assert video.frames[2].edited.is_hidden.all()
    drawn = system.generate("sun", seeds=1, schedule="linear", **QUICK)
    assert torch.equal(video.frames[2].token_ids, drawn.token_ids)
    assert torch.equal(video.frames[1].token_ids, video.frames[2].token_ids)


def test_a_video_is_the_same_in_any_company_and_its_frames_share_a_seed(system):
    settings = {"num_frames": 3, "motion": (2, 2), "height": 8, "width": 16, **QUICK}
    together = system.video(PROMPTS, seeds=[1, 2, 3], **settings)
    alone = system.video(PROMPTS[1], seeds=2, **settings)
    assert together.images(1) == alone.images()
    assert [image.size for image in alone.images()] == [(16, 8)] * 3
    assert [frame.seeds for frame in together.frames] == [[1, 2, 3]] * 3
    encoded = system.video(system.encode_prompts(PROMPTS), seeds=[1, 2, 3], **settings)
    assert encoded.images(2) == together.images(2)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        *(
            ({"num_frames": n}, [f"num_frames={n!r}", "1 to"])
            for n in (0, -1, 1.5, True, "2", None)
        ),
        ({"num_frames": np.int64(2)}, ["num_frames=np.int64(2)", "whole number"]),
        ({"num_frames": 10**9}, ["num_frames=1000000000", "10,000"]),
        ({"motion": 3}, ["motion=3", "right and down"]),
        ({"motion": (1, 2, 3)}, ["motion=(1, 2, 3)"]),
        ({"motion": (1, float("nan"))}, ["motion=(1, nan)"]),
        ({"motion": (1, 10**9)}, ["motion=(1, 1000000000)"]),
        ({"motion": "ab"}, ["motion='ab'"]),
        ({"motion": b"ab"}, ["motion=b'ab'"]),
        ({"motion": ("1", 2)}, ["motion=('1', 2)"]),
        ({"motion": None}, ["motion=None"]),
        ({"motion": (True, 1)}, ["motion=(True, 1)"]),
        *(
            ({"hidden_share": value}, [f"hidden_share={value!r}", "from 0 to 1"])
            for value in (-0.1, 1.1, float("nan"), "0.1", True, None)
        ),
        ({"height": 13}, ["height=13", "multiple of 2"]),
        ({"prompts": []}, ["prompts is empty"]),
        ({"seeds": [1, 2]}, ["2 seeds for 1 pictures"]),
        ({"generator": torch.Generator()}, ["seeds", "no generator"]),
        ({"num_frame": 2}, ["video takes no 'num_frame'", "did you mean 'num_frames'"]),
        ({"widht": 2}, ["video takes no 'widht'", "did you mean 'width'"]),
    ],
)
def test_bad_input_is_one_sentence_before_the_first_step(system, told, words):
    stop = {"progress": lambda *_: pytest.fail("a step was taken")}
    check_refused(words, system.video, **{"prompts": "sun"} | stop | told)


@pytest.mark.parametrize("index", [-1, 1, True, "0", None])
def test_a_video_that_is_not_there_is_refused(system, index):
    video = system.video("sun", 1, **QUICK)
    check_refused([f"index={index!r}", "0 to 0"], video.images, index)
