"""The strip shows three entropies on one scale, and marks what guidance changed."""

import math

import numpy as np
import pytest
import torch

from src.errors import UserError
from src.interpret.commit_order import was_drawn
from src.interpret.guidance_effect import GuidanceEffect
from src.report.guidance_effect import CHANGED, guidance_effect_figure


@pytest.fixture(scope="module")
def effect(decoded) -> GuidanceEffect:
    seen = was_drawn(decoded)
    entropies = [(level * torch.ones(seen.shape)) * seen for level in (1.0, 2.0, 0.5)]
    ids = torch.where(seen, decoded.drawn_ids, -1)
    guided = ids.clone()
    guided[0, 0, 1, 2] = (guided[0, 0, 1, 2] + 1) % 16
    scale = torch.tensor([[2.0, 2.0], [3.0, 3.0], [4.0, 4.0]])
    return GuidanceEffect(*entropies, ids, ids, guided, scale, seen)


@pytest.fixture(scope="module")
def figure(effect):
    return guidance_effect_figure(effect, 16)


def test_three_entropies_share_their_scale(figure, effect):
    maps = [axes.images[0] for axes in figure.axes if axes.images]
    assert len(maps) == 9
    for index, image in enumerate(maps):
        kind, step = divmod(index, 3)
        seen = effect.is_drawn[step, 0].numpy()
        assert np.array_equal(~np.ma.getmaskarray(image.get_array()), seen)
        assert (image.get_array()[seen] == (1.0, 2.0, 0.5)[kind]).all()
        assert image.get_clim() == pytest.approx((0, math.log(16)))


def test_the_changed_position_is_marked_and_counted(figure):
    red = tuple(part / 255 for part in bytes.fromhex(CHANGED[1:]))
    marks = [
        patch
        for axes in figure.axes
        for patch in axes.patches
        if patch.get_facecolor()[:3] == pytest.approx(red)
    ]
    assert len(marks) == 1
    assert marks[0].get_path().vertices[:4].mean(axis=0).tolist() == pytest.approx([2, 1])
    heads = [text.get_text() for text in figure.texts if text.get_text().startswith("step ")]
    assert heads == ["step 1\nscale 2\n6 %", "step 2\nscale 3\n0 %", "step 3\nscale 4\n0 %"]


@pytest.mark.parametrize("picture", [5, -1])
def test_a_picture_that_is_not_there_is_refused(effect, picture):
    with pytest.raises(UserError, match=f"picture={picture} is not there; this generation has 2"):
        guidance_effect_figure(effect, 16, picture=picture)


def test_no_codes_are_refused(effect):
    with pytest.raises(UserError, match="num_codes=0 is impossible; give a whole number from 1"):
        guidance_effect_figure(effect, 0)
