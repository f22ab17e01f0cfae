"""A start that is no grid of codes and hidden positions is refused before the first step."""

import pytest
import torch

from src.errors import UserError
from src.sampler.config import SamplerConfig
from src.sampler.decode import decode
from src.sampler.seeded_noise import SeededNoise

CODES, MASK = 20, 24


def seeded(batch: int) -> SeededNoise:
    return SeededNoise(range(batch))


@pytest.mark.parametrize("foreign", [-1, CODES, MASK - 1, MASK + 1])
def test_a_start_with_a_foreign_id_is_refused_before_the_first_step(toy_model, hidden, foreign):
    start = hidden(1, 4, 4)
    start[0, 1, 1] = foreign
    with pytest.raises(UserError, match=f"start_token_ids holds {foreign}; .* 0..19"):
        decode(toy_model(), start, MASK, SamplerConfig(), seeded(1), CODES)


def test_a_start_without_tokens_is_refused(toy_model):
    for shape in ((0, 4, 4), (1, 0, 4)):
        with pytest.raises(UserError, match="give at least one"):
            decode(toy_model(), torch.zeros(shape).long(), MASK, SamplerConfig(), seeded(1))


def test_the_number_of_seeds_is_the_number_of_pictures(toy_model, hidden):
    with pytest.raises(UserError, match="3 seeds for 2 pictures"):
        decode(toy_model(), hidden(2, 4, 4), MASK, SamplerConfig(), seeded(3))
