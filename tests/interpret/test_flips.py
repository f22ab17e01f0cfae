"""A flip is another code at a position that stayed hidden, and nothing else."""

import pytest
import torch
from torch import Generator

from src.errors import UserError
from src.interpret.flips import flips
from src.sampler.config import SamplerConfig
from src.sampler.decode import decode
from src.sampler.guidance import Logits
from src.sampler.seeded_noise import SeededNoise
from src.sampler.trace import Trace, record

CODES = MASK = 30
TABLE = 2 * torch.randn(1, 25, CODES, generator=Generator().manual_seed(0))


def traced(predict=None, **settings) -> Trace:
    def fixed(token_ids, is_masked, need_unconditional):
        return Logits(TABLE.expand(len(token_ids), -1, -1), None)

    start = torch.full((2, 5, 5), MASK)
    config = SamplerConfig(num_steps=6, guidance_scale=1.0, **settings)
    steps = decode(predict or fixed, start, MASK, config, SeededNoise([0, 1]), num_top=2)
    return record(start, MASK, steps)


def handmade(drawn: list[list[int]], hidden: list[list[int]]) -> Trace:
    """A trace of one row of tokens: the codes drawn, and what is hidden after each step."""
    ids = torch.tensor(drawn)[:, None, None]
    is_masked = torch.tensor(hidden).bool()[:, None, None]
    counts = is_masked.sum(dim=(2, 3))
    is_given = torch.zeros(ids.shape[1:], dtype=torch.bool)
    return Trace(ids, ids, is_masked, ids.float(), counts, counts, counts, is_given)


def test_flips_are_counted_by_hand():
    trace = handmade(
        drawn=[[1, 1, 1, 1], [1, 2, 2, 5], [1, 3, 2, 6]],
        hidden=[[1, 1, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]],
    )
    found = flips(trace)
    assert found.has_flipped[:, 0, 0].int().tolist() == [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 0, 0]]
    assert found.counts.flatten().tolist() == [0, 2, 1, 0]
    assert found.shares[1:].flatten().tolist() == pytest.approx([2 / 3, 1 / 2])
    assert found.shares[0].isnan()


def test_a_token_taken_back_has_not_flipped():
    trace = handmade(drawn=[[1], [1], [2]], hidden=[[0], [1], [0]])
    assert not flips(trace).has_flipped.any()


def test_the_likeliest_codes_never_flip_where_the_model_heeds_no_canvas():
    trace = traced()
    assert not flips(trace, "likeliest").has_flipped.any()
    assert flips(trace).has_flipped.any()  # the draws do, by chance
    assert not flips(traced(sampling_temperature=0.0)).has_flipped.any()


def test_they_do_flip_where_the_canvas_matters():
    def heeding(token_ids, is_masked, need_unconditional):
        num_hidden = is_masked.flatten(1).sum(dim=1)[:, None, None]
        return Logits(TABLE.roll(1, dims=2).where(num_hidden % 2 == 0, TABLE), None)

    found = flips(traced(heeding), "likeliest")
    assert found.has_flipped.any()
    assert (found.counts <= found.is_redrawn.sum(dim=0)).all()


def test_nothing_flips_after_it_is_kept():
    trace = traced()
    assert not (flips(trace).has_flipped[1:] & ~trace.is_masked[:-1]).any()


def test_what_was_not_recorded_is_refused():
    with pytest.raises(UserError, match="record it with num_top=1"):
        flips(traced()._replace(opinion=None), "likeliest")
    with pytest.raises(UserError, match="of='all' is unknown; give 'drawn' or 'likeliest'"):
        flips(traced(), "all")
