"""The mask schedule: ends, shape, and the precision that decides a count."""

import pytest
import torch

from src.errors import UserError
from src.masking.config import KNOWN_SCHEDULES, MaskingConfig, check_masking
from src.masking.schedule import SCHEDULES, mask_ratio


@pytest.mark.parametrize("schedule", KNOWN_SCHEDULES)
def test_everything_is_hidden_at_the_start_and_nothing_at_the_end(schedule):
    start, end = mask_ratio(torch.tensor([0.0, 1.0], dtype=torch.float64), schedule)
    assert start == 1
    assert end == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("schedule", KNOWN_SCHEDULES)
def test_less_and_less_is_hidden(schedule):
    ratio = mask_ratio(torch.linspace(0, 1, 1000, dtype=torch.float64), schedule)
    assert (ratio.diff() < 0).all()


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
