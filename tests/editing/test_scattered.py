"""Some tokens of a picture, chosen by its seed: exact counts, each place as likely as any other."""

import pytest
import torch

from src.editing.scattered import scattered

EVERYWHERE = torch.ones(1, 4, 5, dtype=torch.bool)


@pytest.mark.parametrize(("share", "count"), [(0, 0), (0.049, 0), (0.05, 1), (0.35, 7), (1, 20)])
def test_the_count_is_the_floor_of_a_share(share, count):
    assert scattered(EVERYWHERE, share, [1], 6).sum() == count


def test_only_eligible_tokens_are_chosen_and_more_include_fewer():
    is_eligible = torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(1)) < 0.5
    before = torch.zeros_like(is_eligible)
    for share in (0.2, 0.5, 0.8, 1.0):
        chosen = scattered(is_eligible, share, [1, 2, 3], 6)
        counts = (is_eligible.flatten(1).sum(dim=1) * share + 1e-6).long()
        assert torch.equal(chosen.flatten(1).sum(dim=1), counts)
        assert not (chosen & ~is_eligible).any()
        assert not (before & ~chosen).any()
        before = chosen


def test_a_picture_is_chosen_by_seed_and_purpose_whatever_its_company():
    seeds = [5, 6, 5]
    together = scattered(EVERYWHERE.expand(3, 4, 5), 0.4, seeds, 6)
    assert torch.equal(together[0], together[2])
    assert not torch.equal(together[0], together[1])
    assert torch.equal(together[1:2], scattered(EVERYWHERE, 0.4, [6], 6))
    assert not torch.equal(together[1:2], scattered(EVERYWHERE, 0.4, [6], 7))


def test_every_place_is_as_likely():
    """Each place is chosen by 800 of 2000 pictures, give or take 22; none is five times as far."""
    chosen = scattered(EVERYWHERE.expand(2000, 4, 5), 0.4, list(range(2000)), 6)
    assert (chosen.sum(dim=0) - 800).abs().max() < 5 * (2000 * 0.4 * 0.6) ** 0.5
