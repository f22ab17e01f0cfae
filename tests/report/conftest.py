"""A small decoding to draw figures of: three steps on a grid of 4 x 4, from fixed logits."""

import pytest
import torch
from torch import Generator

from src.sampler.config import SamplerConfig
from src.sampler.decode import decode
from src.sampler.guidance import Logits
from src.sampler.seeded_noise import SeededNoise
from src.sampler.trace import Trace, record

CODES = MASK = 16


@pytest.fixture(scope="session")
def decoded() -> Trace:
    generator = Generator().manual_seed(0)
    sides = [2 * torch.randn(1, 16, CODES, generator=generator) for _ in range(2)]

    def predict(token_ids, is_masked, need_unconditional):
        return Logits(*(side.expand(len(token_ids), -1, -1) for side in sides))

    start = torch.full((2, 4, 4), MASK)
    start[1, 0] = 3
    config = SamplerConfig(num_steps=3, guidance_scale=2.0)
    return record(start, MASK, decode(predict, start, MASK, config, SeededNoise([0, 1]), num_top=3))
