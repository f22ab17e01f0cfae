"""Hiding tokens: exact counts, scattered or in a rectangle, the same for one seed."""

import math

import pytest
import torch
from torch import Generator

from src.errors import UserError
from src.masking.config import MaskingConfig
from src.masking.corrupt import IGNORED_TARGET, hide_tokens
from src.masking.schedule import mask_ratio

MASK = 100


def some_ids(batch: int, height: int, width: int) -> torch.Tensor:
    return torch.randint(MASK, (batch, height, width), generator=Generator().manual_seed(1))


def hide(token_ids, seed=0, **settings):
    return hide_tokens(token_ids, MASK, MaskingConfig(**settings), Generator().manual_seed(seed))


def counts(masked) -> torch.Tensor:
    return masked.is_masked.sum(dim=(1, 2))


def bounding_area(is_masked: torch.Tensor) -> int:
    rows, columns = is_masked.any(dim=1).nonzero(), is_masked.any(dim=0).nonzero()
    return int((rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1))


def test_hidden_tokens_are_targets_and_the_others_are_shown():
    ids = some_ids(50, 4, 6)
    masked = hide(ids, rectangle_prob=0.5)
    assert (masked.token_ids[masked.is_masked] == MASK).all()
    assert torch.equal(masked.targets[masked.is_masked], ids[masked.is_masked])
    assert torch.equal(masked.token_ids[~masked.is_masked], ids[~masked.is_masked])
    assert (masked.targets[~masked.is_masked] == IGNORED_TARGET).all()


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_each_count_is_the_schedules_share_of_its_own_progress_rounded(schedule):
    progress = torch.rand(2000, generator=Generator().manual_seed(5))
    expected = (64 * mask_ratio(progress, schedule)).round().clamp(min=1).long()
    assert torch.equal(counts(hide(some_ids(2000, 8, 8), seed=5, schedule=schedule)), expected)


def test_the_mean_share_hidden_is_two_over_pi():
    share = counts(hide(some_ids(20_000, 8, 8))).float().mean().item() / 64
    assert share == pytest.approx(2 / math.pi, abs=0.01)


def test_at_least_one_token_is_hidden_and_all_can_be():
    found = counts(hide(some_ids(5000, 2, 2)))
    assert found.min() == 1
    assert found.max() == 4


@pytest.mark.parametrize("rectangle_prob", [0.0, 1.0])
def test_no_picture_hides_less_than_the_floor(rectangle_prob):
    found = counts(hide(some_ids(3000, 8, 8), min_mask_ratio=0.5, rectangle_prob=rectangle_prob))
    assert found.min() == 32


def test_every_position_is_hidden_equally_often():
    share = hide(some_ids(20_000, 4, 4)).is_masked.float().mean(dim=0)
    assert share.max() - share.min() < 0.03


def test_scattered_positions_are_independent_of_their_neighbours():
    """A rectangle's neighbours are hidden together; scattered ones only as often as any pair."""
    is_masked = hide(some_ids(20_000, 4, 4), schedule="linear").is_masked.float()
    beside = (is_masked[:, 0, 0] * is_masked[:, 0, 1]).mean()
    apart = (is_masked[:, 0, 0] * is_masked[:, 3, 2]).mean()
    assert beside.item() == pytest.approx(apart.item(), abs=0.02)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (3, 11), (11, 3), (1, 7), (1, 1)])
def test_a_rectangle_is_full_and_hardly_larger_than_asked(height, width):
    ids = some_ids(800, height, width)
    rectangles, scattered = hide(ids, rectangle_prob=1.0), hide(ids, rectangle_prob=0.0)
    for is_masked, wanted in zip(rectangles.is_masked, counts(scattered), strict=True):
        area = int(is_masked.sum())
        assert bounding_area(is_masked) == area
        rows = int(is_masked.any(dim=1).sum())
        assert wanted <= area < wanted + rows


def test_rectangles_take_every_shape_and_reach_every_corner():
    hidden = hide(some_ids(20_000, 4, 4), rectangle_prob=1.0).is_masked
    small = hidden[hidden.sum(dim=(1, 2)) == 4]
    assert {int(one.any(dim=1).sum()) for one in small} == {1, 2, 4}
    share = small.float().mean(dim=0)
    corners = torch.stack([share[0, 0], share[0, 3], share[3, 0], share[3, 3]])
    assert corners.min() > 0.1
    assert corners.max() - corners.min() < 0.06


@pytest.mark.parametrize("rectangle_prob", [0.15, 0.5])
def test_each_picture_tosses_its_own_coin_for_the_rectangle(rectangle_prob):
    ids = some_ids(4000, 8, 8)
    hidden = hide(ids, rectangle_prob=rectangle_prob).is_masked
    all_rectangles = hide(ids, rectangle_prob=1.0).is_masked
    all_scattered = hide(ids, rectangle_prob=0.0).is_masked
    is_rectangle = (hidden == all_rectangles).flatten(1).all(dim=1)
    is_scattered = (hidden == all_scattered).flatten(1).all(dim=1)
    assert (is_rectangle | is_scattered).all(), "the probability changed more than the shapes"
    differs = (all_rectangles != all_scattered).flatten(1).any(dim=1)
    share = is_rectangle[differs].float().mean().item()
    assert share == pytest.approx(rectangle_prob, abs=0.03)


def test_one_seed_hides_the_same_tokens_and_another_seed_others():
    ids = some_ids(4, 8, 8)
    assert torch.equal(hide(ids, seed=3).is_masked, hide(ids, seed=3).is_masked)
    assert not torch.equal(hide(ids, seed=3).is_masked, hide(ids, seed=4).is_masked)


def test_the_global_random_state_is_neither_read_nor_moved():
    ids, before = some_ids(4, 8, 8), torch.get_rng_state()
    hide(ids, rectangle_prob=0.5)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_callers_ids_are_left_alone():
    ids = some_ids(4, 8, 8)
    kept = ids.clone()
    hide(ids)
    assert torch.equal(ids, kept)


@pytest.mark.parametrize("foreign", [-1, MASK, MASK + 7])
def test_ids_that_are_no_codes_are_refused(foreign):
    ids = some_ids(2, 4, 4)
    ids[1, 2, 3] = foreign
    with pytest.raises(UserError, match=r"codes lie in 0\.\.99, below mask_token_id=100"):
        hide(ids)


def test_a_grid_without_tokens_is_refused():
    with pytest.raises(UserError, match="nothing to hide"):
        hide(torch.zeros(2, 0, 4, dtype=torch.int64))


def test_a_misspelt_schedule_is_refused_before_anything_is_drawn():
    rng = Generator().manual_seed(0)
    before = rng.get_state()
    with pytest.raises(UserError, match="did you mean 'linear'"):
        hide_tokens(some_ids(1, 2, 2), MASK, MaskingConfig(schedule="liner"), rng)
    assert torch.equal(rng.get_state(), before)
