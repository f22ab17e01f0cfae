"""The strip and the curves show what the lens says of the hidden positions."""

import numpy as np
import pytest
import torch

from src.interpret.logit_lens import LogitLens
from src.report.logit_lens import lens_curves, lens_strip

STEPS, LAYERS = 2, 3
PICTURE = np.full((8, 8, 3), 90, dtype=np.uint8)


@pytest.fixture(scope="module")
def lens():
    """KL is 2, 1, 0 at the layers where hidden, and 9 where the model is shown the token."""
    is_masked = torch.tensor([[[True, True], [True, True]], [[True, False], [False, False]]])
    by_layer = torch.tensor([2.0, 1.0, 0.0])[None, :, None, None].expand(STEPS, LAYERS, 2, 2)
    divergence = torch.where(is_masked[:, None], by_layer, 9.0)
    ids = torch.zeros(STEPS, LAYERS, 2, 2, dtype=torch.long)
    ids[:, 0] = 1
    rank = torch.ones_like(ids) + ids * 4
    final = torch.zeros(STEPS, 2, 2, dtype=torch.long)
    return LogitLens(divergence, rank, ids, final, final, is_masked, False)


def test_the_strip_has_a_row_a_layer_and_a_column_a_step(lens):
    pictures = [[PICTURE + 10 * layer for layer in range(LAYERS)] for _ in range(STEPS)]
    figure = lens_strip(pictures, lens)
    said = [text.get_text() for text in figure.texts]
    assert [each for each in said if each.startswith("step ")] == [
        "step 1\n4 hidden",
        "step 2\n1 hidden",
    ]
    assert {"input", "layer 0", "layer 1"} <= set(said)
    assert [each for each in said if "KL" in each] == [
        "KL 2.00 nats\nfrom the model",
        "KL 1.00 nats\nfrom the model",
    ]
    shades = [int(axes.images[0].get_array()[0, 0, 0]) for axes in figure.axes]
    assert shades == [90, 90, 100, 100, 110, 110]


def test_the_curves_leave_out_what_the_model_was_shown(lens):
    figure = lens_curves({"plain": lens, "other": lens._replace(skips_up=True)})
    kl, agreement, rank = figure.axes
    assert kl.lines[0].get_ydata().tolist() == [2, 1, 0]
    assert agreement.lines[0].get_ydata().tolist() == [0, 1, 1]
    assert rank.lines[0].get_ydata().tolist() == [5, 1, 1]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["plain", "other"]
    assert any("5 hidden positions" in text.get_text() for text in figure.texts)


def test_what_does_not_belong_together_is_refused(lens):
    with pytest.raises(ValueError, match="give 3 pictures for each of 2 steps"):
        lens_strip([[PICTURE] * 2] * 2, lens)
    fewer = lens._replace(divergence=lens.divergence[:, 1:])
    with pytest.raises(ValueError, match=r"these have \[2, 3\] layers"):
        lens_curves({"plain": lens, "fewer": fewer})
