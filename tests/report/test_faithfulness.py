"""Faithfulness: the curves as they are, among the random ones."""

import pytest
import torch

from src.interpret.faithfulness import faithfulness
from src.report.faithfulness import faithfulness_figure
from src.report.look import png_bytes

WORTH = torch.tensor([3.0, 2.0, 1.0])


def test_every_ranking_is_a_line_on_both_sides_with_its_mean():
    generator = torch.Generator().manual_seed(0)
    value = lambda said: (said * WORTH).sum(dim=1)  # noqa: E731
    found = {"true": faithfulness(value, WORTH, 5, generator)}
    found["false"] = faithfulness(value, -WORTH, 5, generator)
    figure = faithfulness_figure(found)
    deletion, insertion = figure.axes
    lines = {line.get_label(): line.get_ydata().tolist() for line in deletion.lines}
    assert lines["true, mean 2.33"] == [6, 3, 1, 0]
    assert lines["false, mean 3.67"] == [6, 5, 3, 0]
    lines = {line.get_label(): line.get_ydata().tolist() for line in insertion.lines}
    assert lines["true, mean 3.67"] == [0, 3, 5, 6]
    said = "words taken away, most important first"  # in place or left out: the value knows
    assert deletion.get_xlabel() == said
    assert png_bytes(figure)
    with pytest.raises(ValueError, match="no ranking"):
        faithfulness_figure({})
