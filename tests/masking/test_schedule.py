"""The mask schedule: ends, shape, and the precision that decides a count."""

import pytest
import torch

from src.errors import UserError
from src.masking.config import KNOWN_SCHEDULES, MaskingConfig, check_masking, read_schedule
from src.masking.schedule import SCHEDULES, mask_ratio

ALL = [name if name != "by_hand" else "by_hand:0.9/0.4/0.4/0" for name in KNOWN_SCHEDULES]


@pytest.mark.parametrize("schedule", ALL)
def test_everything_is_hidden_at_the_start_and_nothing_at_the_end(schedule):
    start, end = mask_ratio(torch.tensor([0.0, 1.0], dtype=torch.float64), schedule)
    assert start == 1
    assert end == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("schedule", ALL)
def test_less_and_less_is_hidden(schedule):
    ratio = mask_ratio(torch.linspace(0, 1, 1000, dtype=torch.float64), schedule)
    assert (ratio.diff() <= 0).all()
    assert (ratio >= 0).all()
    assert (ratio <= 1).all()


# hidden at a quarter, half and three quarters of the way, from the closed forms by hand
AT_QUARTERS = {
    "linear": (0.75, 0.5, 0.25),
    "uniform": (0.75, 0.5, 0.25),
    "arccos": (0.839139, 0.666667, 0.460107),
    "square": (0.9375, 0.75, 0.4375),
    "cubic": (0.984375, 0.875, 0.578125),
    "square_root": (0.5, 0.292893, 0.133975),
    "power:0.5": (0.5, 0.292893, 0.133975),
    "exponential:5": (0.983106, 0.924142, 0.718335),
    "logarithmic:2": (0.693147, 0.346574, 0.143841),
    "by_hand:0.9/0.2/0.1/0": (0.9, 0.2, 0.1),
    "by_hand:0.9/0.1/0": (0.925, 0.5, 0.075),
}


@pytest.mark.parametrize("schedule", AT_QUARTERS)
def test_a_law_is_its_closed_form(schedule):
    ratio = mask_ratio(torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64), schedule)
    assert ratio.tolist() == pytest.approx(AT_QUARTERS[schedule], abs=1e-6)


def test_shares_by_hand_are_met_exactly_at_every_step():
    shares = [0.953, 0.88, 0.794, 0.746, 0.625, 0.407, 0.261, 0.0]
    progress = torch.arange(1, 9, dtype=torch.float64) / 8
    assert mask_ratio(progress, "by_hand:" + "/".join(map(str, shares))).tolist() == shares


@pytest.mark.parametrize(
    ("schedule", "sentence"),
    [
        ("cosine:2", "cosine takes no number; leave out :2"),
        ("power:-1", "power takes one number above 0"),
        ("power:a", "power takes one number"),
        ("power:nan", "power takes one number"),
        ("power:2/3", "power takes one number"),
        ("by_hand", "from 1 down to 0 and never rising"),
        ("by_hand:0.5/0.6/0", "never rising"),
        ("by_hand:1.2/0", "never rising"),
        ("by_hand:0.5/-0.1/0", "never rising"),
        ("by_hand:0.5/nan/0", "never rising"),
        ("by_hand:0.8/0.3", r"does not reach 0: its last share, 0\.3, would leave tokens hidden"),
        (None, "schedule=None is unknown"),
    ],
)
def test_a_schedule_that_cannot_be_followed_is_refused(schedule, sentence):
    with pytest.raises(UserError, match=sentence):
        read_schedule(schedule)


def test_cosine_hides_half_at_two_thirds_of_the_way():
    two_thirds = torch.tensor(2 / 3, dtype=torch.float64)
    assert mask_ratio(two_thirds, "cosine").item() == pytest.approx(0.5, abs=1e-15)


def test_cosine_reveals_slowly_at_first():
    quarter = mask_ratio(torch.tensor(0.25), "cosine")
    assert quarter.item() == pytest.approx(0.9238795)
    assert quarter > mask_ratio(torch.tensor(0.25), "linear")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_result_keeps_the_precision_of_progress(dtype):
    assert mask_ratio(torch.zeros(2, dtype=dtype), "cosine").dtype == dtype


def test_the_names_known_without_torch_are_the_laws_there_are():
    assert set(KNOWN_SCHEDULES) == set(SCHEDULES)


def test_a_misspelt_schedule_is_answered_with_the_nearest():
    with pytest.raises(UserError, match=r"schedule='cosin'.*did you mean 'cosine'"):
        mask_ratio(torch.zeros(1), "cosin")


@pytest.mark.parametrize("name", ["min_mask_ratio", "rectangle_prob"])
@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan"), float("inf")])
def test_a_share_outside_0_to_1_is_refused_by_name(name, value):
    with pytest.raises(UserError, match=f"masking.{name}={value}"):
        check_masking(MaskingConfig(**{name: value}))
