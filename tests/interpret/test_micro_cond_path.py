"""Integrated gradients: they add up to the difference, and what is not heard has no share."""

import math

import pytest
import torch
from torch import Generator

from src.amused import Amused
from src.data.micro_cond import MicroCond
from src.errors import UserError
from src.interpret.micro_cond_path import shares, waves_of
from src.interpret.micro_cond_probe import NAMES
from src.interpret.teacher_forcing import ask, hide_share, mean_of_pictures, told

CAPTIONS = ["a star", "a moon", "a sun"]
BASELINE = MicroCond(32, 32, 0, 0, 6.0)
MICROS = [MicroCond(16, 16, 4, 8, 2.0), MicroCond(40, 32, 0, 4, 3.5), BASELINE]
MASK = 39


@pytest.fixture
def tiny(tiny_settings):
    return Amused.from_config(tiny_settings, seed=5)


@pytest.fixture
def hidden(rng):
    token_ids = torch.randint(32, (3, 8, 8), generator=rng)
    return hide_share(token_ids, 0.5, MASK, Generator().manual_seed(0))


def test_the_shares_add_up_to_the_difference(tiny, hidden):
    found = shares(tiny, hidden, told(tiny, CAPTIONS, MICROS), BASELINE)
    assert found.completeness_error < 0.01
    assert (found.each[0].abs() > 1e-5).all()
    assert (found.each[1] != 0).tolist() == [True, False, False, True, True], "as it differs"
    assert shares(tiny, hidden, told(tiny, CAPTIONS, MICROS), BASELINE, 1).completeness_error > 0.01


def test_the_difference_is_between_what_is_said_at_both_ends(tiny, hidden):
    ends = [ask(tiny, hidden, told(tiny, CAPTIONS, each)) for each in (MICROS, [BASELINE] * 3)]
    means = [mean_of_pictures(end.log_likelihood, end.pictures, 3) for end in ends]
    found = shares(tiny, hidden, told(tiny, CAPTIONS, MICROS), BASELINE, 2)
    torch.testing.assert_close(found.difference, means[0] - means[1], atol=1e-6, rtol=0)


def test_at_the_baseline_there_is_nothing_to_share(tiny, hidden):
    found = shares(tiny, hidden, told(tiny, CAPTIONS, MICROS), BASELINE, 4)
    assert (found.each[2] == 0).all()
    assert found.difference[2] == 0
    alone = shares(tiny, hidden, told(tiny, CAPTIONS, BASELINE), BASELINE, 4)
    assert alone.completeness_error == 0


@pytest.mark.parametrize("column", range(5))
def test_a_number_that_is_not_heard_has_no_share(tiny, hidden, column):
    config, weight = tiny.transformer.config, tiny.transformer.condition_in.weight.data
    start = config.cond_embed_dim + column * config.micro_cond_encode_dim
    weight[:, start : start + config.micro_cond_encode_dim] = 0
    found = shares(tiny, hidden, told(tiny, CAPTIONS, MICROS), BASELINE, 4).each
    assert (found[:, column] == 0).all()
    assert (found[0, [k for k in range(len(NAMES)) if k != column]] != 0).all()


def test_the_condition_of_a_numbers_waves_is_the_models_own(tiny):
    rows, transformer = told(tiny, CAPTIONS, MICROS), tiny.transformer
    with torch.no_grad():
        waves = waves_of(transformer, rows.micro_cond)
        ours = transformer.prepare_waves(*rows.text, waves)
        theirs = transformer.prepare(*rows.text, rows.micro_cond)
    assert torch.equal(ours.vector, theirs.vector)
    assert torch.equal(ours.text, theirs.text)


def test_no_steps_are_refused(tiny, hidden):
    with pytest.raises(UserError, match="num_steps=0 is impossible"):
        shares(tiny, hidden, told(tiny, CAPTIONS, MICROS), BASELINE, 0)


def test_a_baseline_that_is_no_number_is_refused(tiny, hidden):
    with pytest.raises(UserError, match="aesthetic_score=nan is impossible"):
        shares(
            tiny, hidden, told(tiny, CAPTIONS, MICROS), BASELINE._replace(aesthetic_score=math.nan)
        )
