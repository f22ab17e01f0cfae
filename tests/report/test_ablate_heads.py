"""Head effects: a row a site, in nats or thousandths, and no number where there is no head."""

import numpy as np
import torch

from src.interpret.ablate_heads import HeadEffects
from src.report.ablate_heads import heads_figure
from src.report.look import png_bytes


def made(scale):
    effects = (torch.tensor([[0.4, 0.6], [-0.1, -0.3]]), torch.tensor([[0.1, 0.1]] * 3))
    return HeadEffects(("a", "b"), tuple(scale * each for each in effects), torch.zeros(2), "mean")


def test_a_row_a_site_with_its_numbers_written_in():
    axes = heads_figure(made(1.0)).axes[0]
    shown = axes.images[0].get_array().filled(np.nan)
    assert np.allclose(shown, [[0.5, -0.2, np.nan], [0.1, 0.1, 0.1]], equal_nan=True)
    assert [text.get_text() for text in axes.texts] == ["0.50", "-0.20", "0.10", "0.10", "0.10"]
    assert axes.images[0].get_clim() == (-0.5, 0.5)
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["a", "b"]


def test_small_effects_are_told_in_thousandths():
    figure = heads_figure(made(0.01))
    assert [text.get_text() for text in figure.axes[0].texts][:2] == ["5.00", "-2.00"]
    assert any("nats / 1000" in text.get_text() for text in figure.texts)
    assert png_bytes(figure)
