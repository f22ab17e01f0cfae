"""What cannot be computed is refused before anything is opened."""

import pytest

from src.compose import composed
from src.errors import UserError


@pytest.mark.parametrize(
    ("told", "match"),
    [
        (["+exp=evaluate", "speed.weights=int2"], "speed.weights='int2' is unknown"),
        (["+exp=evaluate", "speed.weights=int8", "speed.is_offloaded=true"], "give one of them"),
        (["+exp=finetune_256_lora", "speed.weights=int4"], "has no place in train_uvit"),
        (["+exp=publish", "speed.weights=int8"], "give speed.weights=full"),
        (["+exp=memorise", "speed.is_offloaded=true"], "give speed.is_offloaded=false"),
        (
            ["+exp=finetune_256_lora", "speed.is_compiled=true"],
            "speed.is_compiled=true has no place in train_uvit",
        ),
        (
            ["+exp=evaluate", "speed.is_compiled=true", "sampler.full_step_every=2"],
            "sampler.full_step_every=2 are both given",
        ),
    ],
)
def test_refused_in_a_sentence(told, match):
    with pytest.raises(UserError, match=match):
        composed(told)
