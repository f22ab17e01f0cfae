"""A linear map by packed weights takes whatever torch's own takes."""

import pytest
import torch

from src.amused import Amused
from src.transformer.linear import Linear


@pytest.mark.parametrize("where", [(), (0,), (1,), (3, 0), (2, 5), (2, 3, 40)])
@pytest.mark.parametrize("always_packed", [False, True])
def test_inputs_of_any_shape(where, always_packed):
    linear, states = Linear(16, 32), torch.randn(*where, 16)
    linear.always_packed = always_packed
    plain = linear(states)  # with gradients: torch's own
    with torch.no_grad():
        packed = linear(states)
    assert packed.shape == (*where, 32)
    torch.testing.assert_close(packed, plain.detach())


def test_a_model_opened_in_inference_mode_draws():
    prompt, drawn = "a small red sun on a white background", {"num_steps": 3, "seeds": 1}
    with torch.inference_mode():
        token_ids = Amused.embedded().generate(prompt, **drawn).token_ids
    usual = Amused.embedded().generate(prompt, **drawn).token_ids
    assert (token_ids == usual).float().mean() > 0.9  # but for near ties
