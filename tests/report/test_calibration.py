"""A calibration as a figure shows the numbers that were computed, and no others."""

import pytest
import torch
from torch import Generator

from src.errors import UserError
from src.interpret.teacher_forcing import Answers
from src.interpret.temperature import recalibrated
from src.report.calibration import Cell, errors_figure, reliability_figure
from src.report.look import png_bytes


@pytest.fixture(scope="module")
def cells() -> list[Cell]:
    rng = Generator().manual_seed(0)
    logits = torch.randn(240, 8, generator=rng) * 2
    true_ids = torch.multinomial(logits.softmax(-1), 1, generator=rng)[:, 0]
    pictures = torch.arange(240) // 12
    answers = Answers((3 * logits).log_softmax(-1), true_ids, pictures)
    sides = [answers.of_pictures(half) for half in torch.arange(20).split(10)]
    result = recalibrated(*sides, 10, rng)
    return [Cell(0.5, 1.0, result), Cell(1.0, 1.0, result), Cell(0.5, 4.0, result)]


def test_a_diagram_has_a_point_for_every_bin_that_holds_tokens(cells):
    figure = reliability_figure(cells)
    diagram, counts = figure.axes[:2]
    before = cells[0].result.before
    is_there = before.bins.num_hidden > 0
    points = diagram.collections[0].get_offsets()
    assert len(points) == int(is_there.sum())
    assert points[:, 1].tolist() == pytest.approx(before.bins.accuracy[is_there].tolist())
    assert diagram.get_title(loc="left") == "50 % hidden, guidance 1"
    drawn = counts.patches[0].get_data().values
    assert drawn[is_there].tolist() == before.bins.num_hidden[is_there].tolist()
    assert len(figure.axes) == 2 * len(cells)


def test_errors_are_compared_over_shares_and_over_guidances(cells):
    by_ratio, by_scale, risk = errors_figure(cells, 0.5).axes
    assert by_ratio.lines[0].get_xdata().tolist() == [0.5, 1.0]
    assert by_scale.lines[0].get_xdata().tolist() == [1.0, 4.0]
    expected = 100 * cells[0].result.after.ece
    assert by_scale.lines[1].get_ydata().tolist() == pytest.approx([expected] * 2)
    assert [text.get_text() for text in risk.get_legend().get_texts()] == ["1", "4"]


def test_the_same_figure_has_the_same_bytes(cells):
    assert png_bytes(errors_figure(cells, 0.5)) == png_bytes(errors_figure(cells, 0.5))


def test_nothing_to_draw_is_refused():
    for draw in (lambda: reliability_figure([]), lambda: errors_figure([], 0.5)):
        with pytest.raises(UserError, match="no calibration to draw"):
            draw()
