"""Numbers of a calibration: known ones at the ends, an outsider's, and what chance alone shows."""

import pytest
import torch
from torch import Generator
from torchmetrics.functional.classification import multiclass_calibration_error

from src.errors import UserError
from src.interpret.calibration import (
    adaptive_bins,
    best_guess,
    brier,
    calibration,
    chance_errors,
    clustered_errors,
    coverage_risk,
    equal_bins,
    floor_of,
)
from src.interpret.teacher_forcing import Answers

CODES = 8


def answers_of(logits: torch.Tensor, true_ids: torch.Tensor) -> Answers:
    pictures = torch.arange(len(true_ids)) // 10
    return Answers(logits.float().log_softmax(-1), true_ids, pictures)


def drawn_from(logits: torch.Tensor, rng: Generator) -> Answers:
    """A calibrated model: what was there follows its own probabilities."""
    return answers_of(logits, torch.multinomial(logits.softmax(-1), 1, generator=rng)[:, 0])


def sure(is_right: bool) -> Answers:
    logits = torch.full((40, CODES), -torch.inf)
    logits[:, 3] = 0.0
    return answers_of(logits, torch.full((40,), 3 if is_right else 4))


@pytest.fixture
def calibrated(rng) -> Answers:
    return drawn_from(2 * torch.randn(4000, CODES, generator=rng), rng)


def test_a_model_that_follows_its_own_probabilities_lies_at_the_floor(calibrated, rng):
    found = calibration(calibrated, 15, rng)
    assert found.ece < found.floor.mean + 3 * (found.floor.high - found.floor.mean)
    assert 0.5 * found.floor.mean < found.ece


def test_one_that_is_too_sure_lies_far_above_it(calibrated, rng):
    found = calibration(
        calibrated._replace(log_probs=(3 * calibrated.log_probs).log_softmax(-1)), 15, rng
    )
    assert found.ece > 5 * found.floor.high
    assert found.confidence > found.accuracy + 0.1


@pytest.mark.parametrize(("is_right", "ece", "score"), [(True, 0.0, 0.0), (False, 1.0, 2.0)])
def test_always_right_and_always_wrong_are_the_ends(is_right, ece, score):
    confidence, right = best_guess(sure(is_right))
    assert equal_bins(confidence, right, 15).error == ece
    assert adaptive_bins(confidence, right, 15).error == ece
    assert brier(sure(is_right)) == score


@pytest.mark.parametrize("num_bins", [1, 10, 15, 30])
def test_the_error_is_that_of_torchmetrics(calibrated, num_bins):
    confidence, is_right = best_guess(calibrated)
    theirs = multiclass_calibration_error(
        calibrated.log_probs.exp(), calibrated.true_ids, CODES, num_bins, norm="l1"
    )
    ours = equal_bins(confidence, is_right, num_bins).error
    assert ours == pytest.approx(float(theirs), abs=1e-6)


def test_every_hidden_token_is_in_one_bin(calibrated, rng):
    found = calibration(calibrated, 15, rng)
    assert int(found.bins.num_hidden.sum()) == int(found.adaptive_bins.num_hidden.sum()) == 4000
    counts = found.adaptive_bins.num_hidden
    assert counts.max() - counts.min() <= 1
    assert (found.adaptive_bins.low <= found.adaptive_bins.confidence).all()
    assert (found.adaptive_bins.confidence <= found.adaptive_bins.high).all()


def test_a_bin_has_its_lower_end_and_the_last_one_both():
    confidence = torch.tensor([0.0, 0.5, 0.999, 1.0], dtype=torch.float64)
    bins = equal_bins(confidence, torch.ones(4, dtype=torch.bool), 2)
    assert bins.num_hidden.tolist() == [1, 3]


def test_fewer_tokens_than_bins_have_a_bin_each():
    stated = torch.tensor([0.9, 0.2], dtype=torch.float64)
    bins = adaptive_bins(stated, torch.tensor([True, False]), 15)
    assert bins.confidence.tolist() == [0.2, 0.9]
    assert bins.error == pytest.approx(0.15)


def test_nll_is_the_cross_entropy_and_brier_the_squared_distance(calibrated, rng):
    found = calibration(calibrated, 15, rng)
    probs = calibrated.log_probs.exp().double()
    truth = torch.nn.functional.one_hot(calibrated.true_ids, CODES)
    loss = torch.nn.functional.nll_loss(calibrated.log_probs, calibrated.true_ids)
    assert found.nll == pytest.approx(float(loss), abs=1e-5)
    assert found.brier == pytest.approx(float((probs - truth).square().sum(-1).mean()), abs=1e-6)
    assert found.num_pictures == 400


def test_the_floor_falls_as_tokens_are_added_and_is_nothing_for_the_certain():
    stated = torch.full((100,), 0.7, dtype=torch.float64)
    few = floor_of(chance_errors(stated, 10, Generator().manual_seed(0)))
    many = floor_of(chance_errors(stated.repeat(16), 10, Generator().manual_seed(0)))
    # in a single bin, the mean distance of a share from its probability
    assert few.mean == pytest.approx((2 / torch.pi * 0.7 * 0.3 / 100) ** 0.5, rel=0.08)
    assert few.mean / many.mean == pytest.approx(4, rel=0.12)
    assert few.mean < few.high
    assert (chance_errors(stated / 0.7, 10, Generator().manual_seed(0)) == 0).all()


def test_both_floors_agree_where_every_token_errs_by_itself(calibrated, rng):
    found = calibration(calibrated, 15, rng)
    assert found.clustered_floor.mean == pytest.approx(found.floor.mean, rel=0.15)
    assert found.clustered_floor.high == pytest.approx(found.floor.high, rel=0.15)


def test_a_calibrated_model_whose_pictures_err_as_a_whole_lies_between_the_two(rng):
    """Fifty pictures of 40 tokens, stated 0.8: of each, all are right or all are wrong."""
    stated, pictures = torch.full((2000,), 0.8).double(), torch.arange(50).repeat_interleave(40)
    above = []
    for _ in range(60):
        is_right = (torch.rand(50, generator=rng) < 0.8).repeat_interleave(40)
        error = equal_bins(stated, is_right, 10).error
        by_token = floor_of(chance_errors(stated, 10, rng, 40)).high
        by_picture = floor_of(clustered_errors(stated, is_right, pictures, 10, rng, 300)).high
        above.append((error > by_token, error > by_picture))
    too_often, as_stated = torch.tensor(above).double().mean(dim=0).tolist()
    assert too_often > 0.5
    assert as_stated < 0.15


def test_a_model_that_is_too_sure_lies_above_both_floors(calibrated, rng):
    sharp = calibrated._replace(log_probs=(3 * calibrated.log_probs).log_softmax(-1))
    found = calibration(sharp, 15, rng)
    assert found.ece > 4 * found.clustered_floor.high


def test_the_surest_answers_come_first_and_all_come_last():
    confidence = torch.tensor([0.9, 0.8, 0.8, 0.3], dtype=torch.float64)
    curve = coverage_risk(confidence, torch.tensor([True, True, False, False]))
    assert curve.coverage.tolist() == [0.25, 0.75, 1.0]  # equal ones together
    assert curve.risk.tolist() == pytest.approx([0, 1 / 3, 1 / 2])


def test_the_order_of_positions_does_not_matter(calibrated):
    order = torch.randperm(4000, generator=Generator().manual_seed(1))
    turned = Answers(*(field[order] for field in calibrated))
    first, second = (best_guess(each) for each in (calibrated, turned))
    assert equal_bins(*first, 15).error == pytest.approx(equal_bins(*second, 15).error, abs=1e-12)
    torch.testing.assert_close(coverage_risk(*first).risk, coverage_risk(*second).risk)


def test_no_answers_and_no_bins_are_refused(calibrated, rng):
    with pytest.raises(UserError, match="no hidden tokens to judge"):
        calibration(calibrated.of_pictures(torch.tensor([-1])), 15, rng)
    with pytest.raises(UserError, match="num_bins=0 is impossible"):
        calibration(calibrated, 0, rng)


@pytest.mark.parametrize("num_bins", [1.5, "x", None])
def test_what_is_no_number_of_bins_is_refused(calibrated, rng, num_bins):
    with pytest.raises(UserError, match=r"num_bins=.* is impossible; give a whole number"):
        calibration(calibrated, num_bins, rng)


@pytest.mark.parametrize("confidence", [1.5, float("nan"), 0])
def test_what_is_no_confidence_is_refused(calibrated, rng, confidence):
    with pytest.raises(UserError, match=r"confidence=.* is impossible; give a share"):
        calibration(calibrated, 15, rng, confidence)


@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
def test_answers_that_are_no_numbers_are_not_perfectly_calibrated(calibrated, rng, wrong):
    calibrated.log_probs[7, 2] = wrong
    with pytest.raises(UserError, match="log_probs holds what is no log-probability"):
        calibration(calibrated, 15, rng)
