"""What the health monitor logged, against the baselines it is judged by."""

import numpy as np
import pytest

from src.report.curves import Curve
from src.report.health_curves import health_figure

STEPS = np.array([100, 200])


def curves():
    values = {
        "loss_80_100": (3.0, 2.0),
        "loss_0_20": (2.0, 1.0),
        "unigram_entropy": (3.5, 3.4),
        "token_accuracy_0_20": (0.5, 0.75),
        "copy_accuracy_0_20": (0.25, 0.25),
        "gradient_norm": (2.0, 1.0),
    }
    own = {f"health/{name}": Curve(STEPS, np.array(each)) for name, each in values.items()}
    return own | {"loss": Curve(STEPS, np.array([9.0, 9.0]))}


def lines(axes):
    return {line.get_label(): line.get_ydata().tolist() for line in axes.lines}


def test_every_range_of_the_mask_ratio_has_its_line_and_its_baseline():
    loss, accuracy, _, prompts, norm, _ = health_figure(curves(), "A run").axes
    assert lines(loss)["0-20 %"] == [2.0, 1.0]
    assert lines(loss)["80-100 %"] == [3.0, 2.0]
    assert [3.5, 3.4] in lines(loss).values()  # the frequencies', dashed
    assert [9.0, 9.0] not in lines(loss).values()  # not the monitor's
    dashed = [line for line in accuracy.lines if line.get_linestyle() == "--"]
    assert [line.get_ydata().tolist() for line in dashed] == [[0.25, 0.25]]
    assert norm.lines[0].get_ydata().tolist() == [2.0, 1.0]
    assert len(prompts.lines) == 1  # the zero: no prompt was probed


def test_emptier_masks_come_first_in_the_legend():
    (legend,) = health_figure(curves()).legends
    assert [text.get_text() for text in legend.texts] == ["0-20 % hidden", "80-100 % hidden"]


def test_a_run_without_a_monitor_has_no_such_figure():
    with pytest.raises(ValueError, match="no numbers of the health monitor"):
        health_figure({"loss": Curve(STEPS, np.array([1.0, 2.0]))})
