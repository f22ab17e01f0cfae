"""Known numbers of entropy and divergence, codes that are ruled out among them."""

import math

import pytest
import torch

from src.sampler.entropies import divergence, entropy

SURE, EVEN = torch.tensor([0.0, -torch.inf]), torch.full((2,), math.log(0.5))


def test_entropy_of_a_sure_and_an_even_distribution():
    assert entropy(torch.stack([SURE, EVEN])).tolist() == pytest.approx([0, math.log(2)])


def test_divergence_is_0_only_from_itself_and_has_a_direction():
    skewed = torch.tensor([0.9, 0.1]).log()
    assert divergence(EVEN, EVEN) == divergence(SURE, SURE) == 0
    assert float(divergence(SURE, EVEN)) == pytest.approx(math.log(2))
    assert float(divergence(EVEN, SURE)) == math.inf
    assert float(divergence(skewed, EVEN)) == pytest.approx(math.log(2) - 0.3250830)
    assert float(divergence(EVEN, skewed)) == pytest.approx(0.5108256)


def test_one_distribution_is_held_against_many():
    assert divergence(SURE[None], torch.stack([SURE, EVEN])).tolist() == pytest.approx(
        [0, math.log(2)]
    )
