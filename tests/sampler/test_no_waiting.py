"""Between its first and its last step a decoding never asks a tensor for its value.

On a GPU every such question waits for all that was begun. A processor answers at once, so the
questions themselves are caught.
"""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from src.sampler.config import SamplerConfig
from src.sampler.decode import decode
from src.sampler.model_pass import GuidedModel
from src.sampler.seeded_noise import SeededNoise
from tests.sampler.conftest import CODES, MASK, ToyModel

WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal")
ON_THE_PROCESSOR = ("confidence", "entropy", "margin", "max_probability", "moment", "halton")


class Questions(TorchDispatchMode):
    """Notes what would wait."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.name().partition("::")[2].partition(".")[0]
        by_mask = name in ("index", "index_put", "index_put_") and any(
            each is not None and each.dtype == torch.bool for each in args[1]
        )
        if name in WAITS or by_mask:
            self.asked.append(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", [*ON_THE_PROCESSOR, "raster_order", "random_order"])
@pytest.mark.parametrize("num_top", [None, 3])
def test_no_step_waits(hidden, monkeypatch, name, num_top):
    monkeypatch.setattr(GuidedModel, "check", lambda self: None)  # of a GPU it comes in the end
    start = hidden(3, 4, 4)
    start[1, :2] = 5  # pictures of which unequally many are hidden
    config = SamplerConfig(name=name, num_steps=4, guidance_scale=3.0)
    steps = decode(ToyModel(), start, MASK, config, SeededNoise([1, 2, 3]), CODES, num_top)
    with Questions() as questions:
        found = list(steps)
    assert [step.num_masked.tolist() for step in found][-1] == [0, 0, 0]
    assert questions.asked == []
