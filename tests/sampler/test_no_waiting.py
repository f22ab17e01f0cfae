"""Between its first and its last step a decoding never asks a tensor for its value.

On a GPU every such question waits for all that was begun. A processor answers at once, so the
questions themselves are caught.
"""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from src.amused import Amused
from src.filling import How, ask
from src.predicting import predict_for
from src.sampler.config import SamplerConfig
from src.sampler.decode import decode
from src.sampler.model_pass import GuidedModel
from src.sampler.seeded_noise import SeededNoise
from tests.sampler.conftest import CODES, MASK, ToyModel

WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal")
OF_PYTHON = ("tolist", "cpu", "numpy", "item")
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
    noise = SeededNoise([1, 2, 3])
    assert_none_waits(decode(ToyModel(), start, MASK, config, noise, CODES, num_top), monkeypatch)


def test_none_of_the_real_model_does(monkeypatch):
    monkeypatch.setattr(GuidedModel, "check", lambda self: None)
    model = Amused.embedded()
    how = How(seeds=[1, 2], num_steps=4)
    size = model.width, model.height
    asked = ask(model, ["a small red sun on a white background"] * 2, size, how)
    grid = torch.full((2, 8, 8), model.transformer.mask_token_id)
    predict, mask = predict_for(model.transformer, asked.rows), model.transformer.mask_token_id
    config = SamplerConfig(num_steps=4, guidance_scale=3.0)
    with torch.no_grad():
        steps = decode(predict, grid, mask, config, SeededNoise([1, 2]))
        assert_none_waits(steps, monkeypatch)


def assert_none_waits(steps, monkeypatch):
    first = next(steps)  # in which prompts are told, and kept by what they say
    with monkeypatch.context() as patch, Questions() as questions:
        for name in OF_PYTHON:  # which on a processor dispatch nothing
            patch.setattr(torch.Tensor, name, noted(questions.asked, name))
        later = list(steps)
    assert len(later) == 3
    assert int([first, *later][-1].num_masked.sum()) == 0
    assert questions.asked == []


def noted(asked, name):
    """A method of tensors that notes its use."""
    usual = getattr(torch.Tensor, name)

    def method(self, *args, **kwargs):
        asked.append(name)
        return usual(self, *args, **kwargs)

    return method
