"""Regret is drawn where it is, and the rivals of the worst tokens below."""

import numpy as np
import pytest
import torch

from src.interpret.regret import Regret
from src.report.look import png_bytes
from src.report.regret import regret_figure

PICTURE = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)


@pytest.fixture(scope="module")
def regret() -> Regret:
    """On 4 x 4 tokens: three that the model regrets, one that the canvas hides."""
    best = torch.log(torch.full((1, 4, 4), 0.9))
    own = best.clone()
    own[0, 0, 1], own[0, 2, 2], own[0, 3, 3] = -3.0, -9.0, -1.0
    is_asked = torch.ones(1, 4, 4, dtype=torch.bool)
    is_asked[0, 1, 0] = False
    own[0, 1, 0] = best[0, 1, 0] = 0.0
    top_ids = torch.arange(2).expand(1, 4, 4, 2).clone()
    top_log_probs = torch.log(torch.tensor([0.9, 0.05])).expand(1, 4, 4, 2).clone()
    return Regret(own, best, (own < best).long() + 1, top_ids, top_log_probs, is_asked)


@pytest.fixture(scope="module")
def figure(regret):
    return regret_figure(PICTURE, regret, [[PICTURE, PICTURE]] * 2)


def test_the_maps_show_regret_and_probability(figure, regret):
    maps = [axes.images[0] for axes in figure.axes[1:] if axes.images][:2]
    seen = regret.is_asked[0].numpy()
    for image, values in zip(maps, (regret.regret, regret.log_prob.exp()), strict=True):
        assert np.array_equal(~np.ma.getmaskarray(image.get_array()), seen)
        np.testing.assert_array_equal(image.get_array()[seen], values[0].numpy()[seen])
    assert [image.get_clim() for image in maps] == [(0, 10), (0, 1)]


def test_the_worst_are_numbered_in_order_where_they_stand(figure):
    numbers = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    assert numbers == {"1": (2, 2), "2": (1, 0), "3": (3, 3)}  # x is the column


def test_rivals_are_the_pixels_around_the_token_with_their_probabilities(figure):
    crops = [axes.images[0].get_array() for axes in figure.axes if len(axes.images)][-6:]
    np.testing.assert_array_equal(crops[0], PICTURE[4:16, 4:16])  # around (2, 2)
    np.testing.assert_array_equal(crops[3], PICTURE[0:8, 0:12])  # around (0, 1), at the rim
    said = [text.get_text() for text in figure.texts]
    assert {"0\n90 %", "1\n5.0 %", "kept\n< 0.1 %"} <= set(said)
    assert any(text.startswith("pseudo-log-likelihood") and "15 tokens" in text for text in said)
    assert png_bytes(figure)


def test_more_rivals_than_regrets_are_refused(regret):
    with pytest.raises(ValueError, match="4 alternatives for 3 regretted tokens"):
        regret_figure(PICTURE, regret, [[PICTURE]] * 4)
