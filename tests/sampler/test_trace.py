"""A trace is the steps, stacked: nothing lost, nothing changed by being recorded."""

import pytest
import torch

from src.errors import UserError
from src.sampler.config import SamplerConfig
from src.sampler.decode import decode
from src.sampler.seeded_noise import SeededNoise
from src.sampler.trace import join, record

MASK = 24


def traced(toy_model, start, seeds, num_steps=5):
    steps = decode(toy_model(), start, MASK, SamplerConfig(num_steps=num_steps), SeededNoise(seeds))
    return record(start, MASK, steps)


def test_entry_k_is_step_k_plus_1(toy_model, hidden):
    start = hidden(2, 3, 4)
    start[1, 0, 0] = 6
    steps = list(decode(toy_model(), start, MASK, SamplerConfig(num_steps=5), SeededNoise([0, 1])))
    trace = record(start, MASK, iter(steps))
    assert trace.num_steps == 5
    for index, step in enumerate(steps):
        for name in trace._fields[:-1]:
            assert torch.equal(getattr(trace, name)[index], getattr(step, name)), name
    assert trace.is_given.nonzero().tolist() == [[1, 0, 0]]


def test_one_picture_of_a_trace_is_its_own_trace(toy_model, hidden):
    together = traced(toy_model, hidden(3, 3, 4), [5, 6, 7])
    alone = traced(toy_model, hidden(1, 3, 4), [6])
    for name, mine, theirs in zip(alone._fields, alone, together.picture(1), strict=True):
        assert torch.equal(mine, theirs), name


def test_joined_batches_are_the_batch(toy_model, hidden):
    together = traced(toy_model, hidden(3, 3, 4), [5, 6, 7])
    parts = [traced(toy_model, hidden(1, 3, 4), [5]), traced(toy_model, hidden(2, 3, 4), [6, 7])]
    for name, mine, theirs in zip(together._fields, together, join(parts), strict=True):
        assert torch.equal(mine, theirs), name


def test_traces_of_different_length_are_not_joined(toy_model, hidden):
    short, long = (traced(toy_model, hidden(1, 2, 2), [0], steps) for steps in (2, 3))
    with pytest.raises(UserError, match=r"equally many steps.*\[2, 3\]"):
        join([short, long])


def test_a_decoding_without_steps_has_no_trace(hidden):
    with pytest.raises(UserError, match="at least one step"):
        record(hidden(1, 2, 2), MASK, iter([]))
