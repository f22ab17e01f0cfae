import pytest

from src.training.config import TrainingConfig
from src.training.learning_rate import rate_factor

CONFIG = TrainingConfig(max_steps=1000, warmup_steps=100, decay_ratio=0.2)


@pytest.mark.parametrize(
    ("step", "factor"), [(0, 0.01), (49, 0.5), (99, 1), (500, 1), (800, 1), (900, 0.5)]
)
def test_the_rate_rises_stays_and_falls(step, factor):
    assert rate_factor(step, CONFIG) == pytest.approx(factor)


def test_the_last_step_still_moves():
    assert 0 < rate_factor(999, CONFIG) < 0.01
