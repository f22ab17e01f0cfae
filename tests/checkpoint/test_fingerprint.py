"""One hash names a set of weights."""

import torch

from src.checkpoint.fingerprint import weights_hash

TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.ones(4)}


def test_the_order_of_the_tensors_does_not_matter():
    assert weights_hash(TENSORS) == weights_hash(dict(reversed(TENSORS.items())))


def test_memory_layout_does_not_matter():
    assert weights_hash({"a": torch.ones(2, 3).T}) == weights_hash({"a": torch.ones(3, 2)})


def test_every_change_changes_the_hash():
    changed = TENSORS["a"].clone()
    changed[1, 2] = torch.nextafter(changed[1, 2], torch.tensor(99.0))
    variants = [
        TENSORS,
        {**TENSORS, "a": changed},
        {**TENSORS, "a": TENSORS["a"].view(3, 2)},
        {**TENSORS, "b": TENSORS["b"].bfloat16()},
        {"a": TENSORS["a"], "c": TENSORS["b"]},
    ]
    assert len({weights_hash(tensors) for tensors in variants}) == len(variants)
    assert len(weights_hash(TENSORS)) == 64
