"""Numbers told otherwise: nothing moves where nothing is heard, and pairs add up by definition."""

import pytest
import torch
from torch import Generator

from src.amused import Amused
from src.data.micro_cond import MicroCond
from src.errors import UserError
from src.interpret.micro_cond_effect import interactions, mean_divergence, sweep
from src.interpret.micro_cond_probe import NAMES
from src.interpret.teacher_forcing import Answers, ask, hide_share, told

OWN, OTHER = MicroCond(32, 32, 0, 0, 6.0), MicroCond(16, 20, 8, 4, 2.0)
MASK = 39


@pytest.fixture(scope="module")
def tiny(tiny_settings):
    return Amused.from_config(tiny_settings, seed=5)


@pytest.fixture(scope="module")
def rows(tiny):
    return told(tiny, ["a star", "a moon"], OWN)


@pytest.fixture(scope="module")
def hidden(tiny):
    token_ids = torch.randint(32, (2, 8, 8), generator=Generator().manual_seed(1))
    return [hide_share(token_ids, r, MASK, Generator().manual_seed(0)) for r in (0.25, 1.0)]


def test_the_own_value_moves_nothing_and_others_do(tiny, hidden, rows):
    found = sweep(tiny, hidden, rows, "aesthetic_score", [2.0, 6.0, 9.5])
    assert found.mask_ratios == [0.25, 1.0]
    assert (found.divergence[:, 1] == 0).all()
    assert (found.gain[:, 1] == 0).all()
    assert (found.divergence[:, [0, 2]] > 0).all()
    assert (found.gain[:, [0, 2]] != 0).all()


def test_a_number_that_is_not_heard_moves_nothing(tiny_settings, hidden, rows):
    deaf = Amused.from_config(tiny_settings, seed=5)
    config = deaf.transformer.config
    deaf.transformer.condition_in.weight.data[:, -config.micro_cond_encode_dim :] = 0  # score
    assert sweep(deaf, hidden, rows, "aesthetic_score", [2.0]).divergence.tolist() == [[0], [0]]
    assert (sweep(deaf, hidden, rows, "original_width", [2.0]).divergence > 0).all()
    pairs = interactions(deaf, hidden[0], rows, OTHER)
    assert pairs.alone[4] == 0
    assert pairs.pairs[4].tolist() == pytest.approx([0] * 5, abs=1e-12)
    assert (pairs.alone[:4] != 0).all()


def test_a_pair_is_what_both_do_beyond_each_alone(tiny, hidden, rows):
    found = interactions(tiny, hidden[0], rows, OTHER)

    def mean(**changes) -> float:
        said = ask(tiny, hidden[0], told(tiny, ["a star", "a moon"], OWN._replace(**changes)))
        return float(said.log_likelihood.double().mean())

    score = mean(aesthetic_score=2.0) - mean()
    both = mean(aesthetic_score=2.0, crop_top=8) - mean()
    assert float(found.alone[4]) == pytest.approx(score, abs=1e-6)
    left = both - score - (mean(crop_top=8) - mean())
    assert float(found.pairs[2, 4]) == pytest.approx(left, abs=1e-6)
    assert torch.equal(found.pairs, found.pairs.T)
    assert found.pairs.diagonal().tolist() == [0] * len(NAMES)


def test_a_divergence_is_the_known_one_and_none_from_itself():
    ids = torch.zeros(1, dtype=torch.long)
    sure, even = (
        Answers(torch.tensor([probs]).log(), ids, ids) for probs in ([1.0, 0.0], [0.5, 0.5])
    )
    assert mean_divergence(sure, even) == pytest.approx(0.6931472, abs=1e-6)
    assert mean_divergence(even, even) == mean_divergence(sure, sure) == 0


def test_what_cannot_be_told_is_refused(tiny, hidden, rows):
    with pytest.raises(UserError, match="no micro-condition 'score'"):
        sweep(tiny, hidden, rows, "score", [2.0])
    with pytest.raises(UserError, match=r"crop_top=-1\.0 is impossible"):
        sweep(tiny, hidden, rows, "crop_top", [-1.0])


def test_what_is_no_number_is_not_told(tiny, hidden, rows):
    with pytest.raises(UserError, match="crop_top='x' is impossible"):
        sweep(tiny, hidden, rows, "crop_top", ["x"])
    with pytest.raises(UserError, match="crop_left=nan is impossible"):
        interactions(tiny, hidden[0], rows, MicroCond(32, 32, 0, float("nan"), 6))
