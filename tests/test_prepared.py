"""What was made of weights goes with them."""

import gc
import weakref

import torch
from torch import nn

from src.amused import Amused
from src.prepared import forget, prepared


class Thing:
    """Something made."""


def test_what_was_made_is_kept_until_the_weights_change_or_it_is_forgotten():
    linear = nn.Linear(2, 2)
    first = prepared(linear, "kind", [linear.weight], Thing)
    assert prepared(linear, "kind", [linear.weight], Thing) is first
    with torch.no_grad():
        linear.weight.mul_(2)
    second = prepared(linear, "kind", [linear.weight], Thing)
    assert second is not first
    forget(nn.Sequential(linear))
    assert prepared(linear, "kind", [linear.weight], Thing) is not second


def test_a_model_that_moves_leaves_no_weights_behind():
    model = Amused.embedded()
    model.generate("a small red sun on a white background", num_steps=2, seeds=1)
    weight = model.transformer.layers[0].self_attention.query.weight
    old = weakref.ref(weight.untyped_storage())
    del weight
    model.to("meta")
    gc.collect()
    assert old() is None
