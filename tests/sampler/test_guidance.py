"""Guidance: a real-valued law between the two predictions and beyond."""

import pytest
import torch

from src.errors import UserError
from src.sampler.guidance import Logits, guide, needs_unconditional


@pytest.fixture
def logits(rng) -> Logits:
    return Logits(*torch.randn(2, 3, 5, 7, generator=rng))


def test_scale_1_is_the_conditional_and_0_the_unconditional_prediction_exactly(logits):
    assert torch.equal(guide(logits, 1.0), logits.conditional)
    assert torch.equal(guide(logits, 0.0), logits.unconditional)


def test_only_scale_1_needs_one_pass():
    assert [needs_unconditional(scale) for scale in (0.0, 0.999, 1.0, 1.001, 10.0)] == [
        True,
        True,
        False,
        True,
        True,
    ]


def test_the_scale_is_a_real_number(logits):
    """Trap T12: a scale floored to an integer makes 2.9 behave like 2."""
    step = guide(logits, 2.9) - guide(logits, 2.0)
    torch.testing.assert_close(step, 0.9 * (logits.conditional - logits.unconditional))


def test_guided_logits_lie_on_a_line_away_from_the_unconditional(logits):
    expected = logits.unconditional + 10 * (logits.conditional - logits.unconditional)
    assert torch.equal(guide(logits, 10.0), expected)
    swapped = Logits(logits.unconditional, logits.conditional)
    assert not torch.allclose(guide(swapped, 10.0), expected)


def test_float16_is_guided_in_float32_when_asked():
    logits = Logits(torch.full((1, 1, 2), 30.0).half(), torch.zeros(1, 1, 2).half())
    assert guide(logits, 1e4).isinf().all()
    assert guide(logits, 1e4, torch.float32).tolist() == [[[3e5, 3e5]]]


def test_missing_unconditional_logits_are_named(logits):
    with pytest.raises(UserError, match=r"guidance_scale=3\.0 needs the logits without the prompt"):
        guide(Logits(logits.conditional, None), 3.0)
