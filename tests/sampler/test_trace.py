"""A trace is the steps, stacked: nothing lost, nothing changed by being recorded."""

import pytest
import torch

from src.errors import UserError
from src.sampler.config import CorrectorConfig, SamplerConfig
from src.sampler.decode import decode
from src.sampler.seeded_noise import SeededNoise
from src.sampler.trace import join, record

MASK = 24


def traced(toy_model, start, seeds, num_steps=5):
    """Of a run with a corrector, so that no field is missing."""
    config = SamplerConfig(num_steps=num_steps, corrector=CorrectorConfig(2))
    steps = decode(toy_model(), start, MASK, config, SeededNoise(seeds), num_top=3)
    return record(start, MASK, steps)


def fields(trace):
    """All tensors of a trace by name, those of its opinion too."""
    return {**trace._asdict(), **trace.opinion._asdict(), "opinion": torch.zeros(0)}


def test_entry_k_is_step_k_plus_1(toy_model, hidden):
    start = hidden(2, 3, 4)
    start[1, 0, 0] = 6
    config, noise = SamplerConfig(num_steps=5), SeededNoise([0, 1])
    steps = list(decode(toy_model(), start, MASK, config, noise, num_top=3))
    trace = record(start, MASK, iter(steps))
    assert trace.num_steps == 5
    for index, step in enumerate(steps):
        assert step.corrector_margin is None
        for name in trace._fields[: trace._fields.index("is_given")]:
            assert torch.equal(getattr(trace, name)[index], getattr(step, name)), name
        for name, mine in step.opinion._asdict().items():
            assert torch.equal(getattr(trace.opinion, name)[index], mine), name
    assert trace.is_given.nonzero().tolist() == [[1, 0, 0]]


def test_one_picture_of_a_trace_is_its_own_trace(toy_model, hidden):
    together = traced(toy_model, hidden(3, 3, 4), [5, 6, 7])
    alone = traced(toy_model, hidden(1, 3, 4), [6])
    for name, mine in fields(together.picture(1)).items():
        assert torch.equal(mine, fields(alone)[name]), name


def test_joined_batches_are_the_batch(toy_model, hidden):
    together = traced(toy_model, hidden(3, 3, 4), [5, 6, 7])
    parts = [traced(toy_model, hidden(1, 3, 4), [5]), traced(toy_model, hidden(2, 3, 4), [6, 7])]
    for name, mine in fields(join(parts)).items():
        assert torch.equal(mine, fields(together)[name]), name


def test_a_trace_has_opinions_only_where_they_were_asked_for(toy_model, hidden):
    start = hidden(2, 2, 2)
    steps = decode(toy_model(), start, MASK, SamplerConfig(num_steps=2), SeededNoise([0, 1]))
    trace = record(start, MASK, steps)
    assert trace.opinion is None
    assert trace.picture(1).opinion is None


def test_traces_of_different_length_are_not_joined(toy_model, hidden):
    short, long = (traced(toy_model, hidden(1, 2, 2), [0], steps) for steps in (2, 3))
    with pytest.raises(UserError, match=r"equally many steps.*\[2, 3\]"):
        join([short, long])


def test_a_decoding_without_steps_has_no_trace(hidden):
    with pytest.raises(UserError, match="at least one step"):
        record(hidden(1, 2, 2), MASK, iter([]))
