"""The moving average: whole at once, then by its decay, which may rise first."""

import pytest
import torch
from torch import nn

from src.training.averaging import moving_average
from src.training.config import TrainingConfig


def averaged(config: TrainingConfig, values: list[float]) -> list[float]:
    """The average of one weight after each of its values."""
    model = nn.Linear(1, 1, bias=False)
    average = moving_average(model, config)
    found = []
    for value in values:
        with torch.no_grad():
            model.weight.fill_(value)
        average.update_parameters(model)
        found.append(average.module.weight.item())
    return found


def test_it_begins_as_the_model_and_decays_evenly():
    found = averaged(TrainingConfig(ema_decay=0.9), [1.0, 2.0, 3.0])
    assert found == pytest.approx([1.0, 0.9 * 1 + 0.1 * 2, 0.9 * 1.1 + 0.1 * 3])


def test_a_ramp_rises_as_one_and_n_over_ten_and_n():
    """(1 + n) / (10 + n) of what was, until that is more than the decay."""
    found = averaged(TrainingConfig(ema_decay=0.2, ema_ramp=True), [1.0, 2.0, 3.0, 4.0])
    expected = [1.0]
    for num, value in ((1, 2.0), (2, 3.0), (3, 4.0)):
        keep = min(0.2, (1 + num) / (10 + num))
        expected.append(keep * expected[-1] + (1 - keep) * value)
    assert found == pytest.approx(expected)
    assert (1 + 1) / (10 + 1) < 0.2 < (1 + 3) / (10 + 3)  # both sides of the minimum are met
