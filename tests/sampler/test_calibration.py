"""The bound is found by bisection, or refused where there is none."""

import pytest

from src.errors import UserError
from src.sampler.calibration import calibrate_bound


def falling(bound: float) -> float:
    """64 steps at 0, falling to 1."""
    return 1 + 63 / (1 + 3.2 * bound)


def test_the_bound_takes_the_wanted_number_of_steps():
    for wanted in (1.5, 4.0, 8.0, 40.0, 63.9):
        assert falling(calibrate_bound(falling, wanted)) == pytest.approx(wanted, rel=0.02)


def test_steps_that_jump_end_as_near_as_can_be():
    def stairs(bound: float) -> float:
        return 10.0 if bound < 3 else 2.0

    assert stairs(calibrate_bound(stairs, 9.0)) == 10.0
    assert stairs(calibrate_bound(stairs, 3.0)) == 2.0


@pytest.mark.parametrize(
    ("steps", "wanted", "sentence"),
    [
        (falling, 65.0, "at bound 0, one token a step, these pictures take 64 steps"),
        (lambda bound: 5.0, 4.0, "take more steps whatever the bound"),
    ],
)
def test_what_no_bound_gives_is_refused(steps, wanted, sentence):
    with pytest.raises(UserError, match=sentence):
        calibrate_bound(steps, wanted)
