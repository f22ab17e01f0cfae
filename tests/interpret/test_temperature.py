"""One temperature: found where it is known, left at 1 in doubt, and harmless elsewhere."""

import pytest
import torch
from torch import Generator

from src.errors import UserError
from src.interpret.calibration import best_guess
from src.interpret.teacher_forcing import Answers
from src.interpret.temperature import (
    best_temperature,
    fit_temperature,
    halves,
    recalibrated,
    tempered,
)

CODES, EACH = 8, 16


def scene_like(num_pictures: int, seed: int, true_temperature: float = 1.0) -> Answers:
    """Answers that are honest once divided by the temperature; pictures differ in how hard."""
    rng = Generator().manual_seed(seed)
    hard = 0.5 + torch.rand(num_pictures, 1, 1, generator=rng)
    logits = 3 * torch.randn(num_pictures, EACH, CODES, generator=rng) / hard
    logits = logits.flatten(0, 1)
    true_ids = torch.multinomial(logits.softmax(-1), 1, generator=rng)[:, 0]
    said = (true_temperature * logits).log_softmax(-1)
    return Answers(said, true_ids, torch.arange(num_pictures).repeat_interleave(EACH))


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 2.0, 6.0])
def test_a_known_temperature_is_found(true_temperature):
    found = best_temperature(scene_like(500, 0, true_temperature))
    assert found == pytest.approx(true_temperature, rel=0.05)


def test_the_best_temperature_has_the_least_nll():
    answers = scene_like(40, 1, 2.0)
    best = best_temperature(answers)

    def nll(temperature: float) -> float:
        return -float(tempered(answers, temperature).log_likelihood.double().mean())

    assert all(nll(best) <= nll(best * factor) + 1e-7 for factor in (0.5, 0.98, 1.02, 2.0))


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_a_temperature_changes_no_guess_and_one_changes_nothing(temperature):
    answers = scene_like(40, 2)
    guess, after = (best_guess(each)[1] for each in (answers, tempered(answers, temperature)))
    assert torch.equal(guess, after)
    assert tempered(answers, 1.0) is answers


def test_an_honest_model_keeps_its_probabilities():
    fitted = [fit_temperature(scene_like(60, seed)) for seed in range(12)]
    assert [each.value for each in fitted] == [1.0] * 12
    assert all(each.best != 1 and each.gain >= 0 for each in fitted)


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 1.1, 2.0])
def test_other_pictures_are_never_described_worse(true_temperature):
    """On each of eight samples; by chance it could be, see `fit_temperature`."""
    for seed in range(8):
        answers = scene_like(60, 100 + seed, true_temperature)
        fitted_on, judged_on = halves(60, Generator().manual_seed(seed))
        value = fit_temperature(answers.of_pictures(fitted_on)).value
        judged = answers.of_pictures(judged_on)
        gained = (tempered(judged, value).log_likelihood - judged.log_likelihood).double().mean()
        assert gained > 0 if value != 1 else gained == 0
        assert value != 1 or true_temperature in (1.0, 1.1)


def test_a_model_twice_too_sure_comes_down_to_half_its_error_or_to_the_floor():
    rng = Generator().manual_seed(0)
    answers = scene_like(200, 3, 2.0)
    sides = (answers.of_pictures(half) for half in halves(200, rng))
    found = recalibrated(*sides, 15, rng)
    assert found.temperature.value == pytest.approx(2.0, rel=0.1)
    assert found.before.ece > 3 * found.before.floor.high
    assert found.after.ece <= max(found.before.ece / 2, found.after.floor.high)


def test_pictures_count_by_their_hidden_tokens_and_alike_ones_leave_no_doubt():
    one = scene_like(1, 4, 3.0)
    alike = Answers(*(field.repeat(5, *[1] * (field.ndim - 1)) for field in one))
    alike = alike._replace(pictures=torch.arange(5).repeat_interleave(EACH) * 7)
    fitted = fit_temperature(alike)
    assert fitted.standard_error == pytest.approx(0, abs=1e-9)
    assert fitted.value == fitted.best == best_temperature(one)


def test_halves_are_all_pictures_once():
    first, second = halves(9, Generator().manual_seed(0))
    assert sorted([*first.tolist(), *second.tolist()]) == list(range(9))
    assert len(first) == 4


def test_judging_on_what_was_fitted_and_fitting_on_one_picture_are_refused(rng):
    answers = scene_like(6, 0)
    sides = (answers.of_pictures(torch.tensor(chosen)) for chosen in ([0, 1, 2], [2, 3]))
    with pytest.raises(UserError, match="picture 2 is one of those that the temperature is fitted"):
        recalibrated(*sides, 15, rng)
    with pytest.raises(UserError, match="too few to fit a temperature"):
        fit_temperature(answers.of_pictures(torch.tensor([3])))
    with pytest.raises(UserError, match="3 pictures cannot be parted"):
        halves(3, rng)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [(torch.nan, "holds what is no log-probability"), (-torch.inf, "which no temperature mends")],
)
def test_no_temperature_fits_answers_that_are_no_numbers(wrong, sentence):
    answers = scene_like(6, 0)
    answers.log_probs[3] = wrong
    with pytest.raises(UserError, match=sentence):
        fit_temperature(answers)


@pytest.mark.parametrize("temperature", [0, -1, float("nan"), float("inf"), "1", 1e-9])
def test_an_impossible_temperature_is_refused(temperature):
    with pytest.raises(UserError, match=r"temperature=.* is impossible; give a finite number from"):
        tempered(scene_like(2, 0), temperature)
