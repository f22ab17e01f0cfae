"""One number that makes a model's probabilities honest: the temperature that divides its logits.

Temperature scaling (Guo et al. 2017, section 4.2): which code is the likeliest stays as it is, how
sure the model is of it changes. Fitted on one half of the pictures, judged on the other.

Dimensions: hidden (positions of all pictures), codes, chosen (pictures).
"""

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Int
from torch import Generator, Tensor

from src.errors import UserError, shown
from src.interpret.calibration import Calibration, calibration, check_answers
from src.interpret.checked import is_number
from src.interpret.teacher_forcing import Answers, mean_of_pictures

LOWEST, HIGHEST = 0.05, 20.0  # temperatures looked at
LEAST = 1e-6  # temperature that logits can be divided by, in float32
NUM_HALVINGS = 50  # of that interval's logarithm: to the last digits
STANDARD_ERRORS = 2.0  # the fit half's gain that must be beyond doubt


class Temperature(NamedTuple):
    """What was fitted, and what is used."""

    value: float  # 1 unless the best one's gain is beyond doubt
    best: float  # of least NLL on the pictures fitted on
    gain: float  # nats a hidden token by which the best one lowers NLL there, at least 0
    standard_error: float  # of that gain, from picture to picture


class Recalibrated(NamedTuple):
    """A model's calibration on pictures that the temperature was not fitted on."""

    temperature: Temperature
    before: Calibration
    after: Calibration


def recalibrated(
    fitted_on: Answers,
    judged_on: Answers,
    num_bins: int,
    generator: Generator,
    confidence: float = 0.95,
) -> Recalibrated:
    """Fit a temperature on some pictures and judge it on others.

    fitted_on: of some pictures, which may have been hidden several times; judged_on: of others.
    generator, confidence: of the floor; see `calibration`.
    Raises UserError if a picture is on both sides.
    """
    both = torch.isin(fitted_on.pictures, judged_on.pictures)
    if both.any():
        raise UserError(
            f"picture {int(fitted_on.pictures[both][0])} is one of those that the temperature is "
            "fitted on and of those that it is judged on; give each picture to one side."
        )
    temperature = fit_temperature(fitted_on)
    return Recalibrated(
        temperature,
        calibration(judged_on, num_bins, generator, confidence),
        calibration(tempered(judged_on, temperature.value), num_bins, generator, confidence),
    )


def halves(
    num_pictures: int, generator: Generator
) -> tuple[Int[Tensor, "first"], Int[Tensor, "second"]]:
    """The pictures in random order, parted in the middle: to fit on, and to judge on."""
    if num_pictures < 4:
        raise UserError(f"{num_pictures} pictures cannot be parted into halves; give 4 or more.")
    order = torch.randperm(num_pictures, generator=generator)
    return order[: num_pictures // 2], order[num_pictures // 2 :]


def fit_temperature(answers: Answers) -> Temperature:
    """The temperature of least NLL, kept only where it lowers NLL by more than chance would.

    No fit can promise that other pictures' NLL never rises. Two things make it unlikely: the
    temperature stays 1 unless the gain on these pictures is STANDARD_ERRORS standard errors above
    0, which puts the best temperature about four of its own standard errors from 1; and NLL is
    convex in 1 / temperature, so that to do harm it has to lie about twice as far from 1 as what is
    best for the others. The price: a model that is only a little too sure is left as it is.

    Raises UserError for fewer than two pictures: one says nothing about others; and for answers
    that are no numbers, or to which what was there is impossible.
    """
    check_answers(answers)
    if not answers.log_likelihood.isfinite().all():
        raise UserError(
            "log_probs gives a code that was there the probability 0, which no temperature mends; "
            "give answers to which every code is possible."
        )
    pictures = answers.pictures.unique()
    if len(pictures) < 2:
        raise UserError(f"{len(pictures)} pictures are too few to fit a temperature; give several.")
    best = best_temperature(answers)
    saved = (tempered(answers, best).log_likelihood - answers.log_likelihood).double()
    # a picture's share of the mean: those with more hidden tokens count more
    place = torch.searchsorted(pictures, answers.pictures)
    mean = float(saved.mean())
    each = mean_of_pictures(saved, place, len(pictures))
    weight = torch.bincount(place).double() * len(pictures) / len(saved)
    spread = (weight * (each - mean)).square().sum() / (len(pictures) - 1)
    error = math.sqrt(float(spread) / len(pictures))
    is_beyond_doubt = mean > STANDARD_ERRORS * error
    return Temperature(best if is_beyond_doubt else 1.0, best, max(0.0, mean), error)


def best_temperature(answers: Answers) -> float:
    """The temperature of least NLL in LOWEST..HIGHEST; an end where NLL falls beyond it.

    NLL is convex in 1 / temperature, and its slope there is the expected log-probability less that
    of what was there: halving finds where it is 0.
    """
    low, high = math.log(LOWEST), math.log(HIGHEST)
    for _ in range(NUM_HALVINGS):
        middle = (low + high) / 2
        if _is_too_sure(answers, math.exp(middle)):
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)


def tempered(answers: Answers, temperature: Any) -> Answers:
    """The same answers with logits divided by a temperature; 1 gives them back to the last bit.

    Raises UserError for a temperature that is no finite number from LEAST.
    """
    if not is_number(temperature) or temperature < LEAST:
        raise UserError(
            f"temperature={shown(temperature)} is impossible; give a finite number from {LEAST}."
        )
    if temperature == 1:
        return answers
    return answers._replace(log_probs=(answers.log_probs / temperature).log_softmax(dim=-1))


def _is_too_sure(answers: Answers, temperature: float) -> bool:
    """Whether what was there is less likely than the tempered model expects of its own draws."""
    probs = (answers.log_probs / temperature).softmax(dim=-1)
    expected = torch.where(probs > 0, probs * answers.log_probs, 0.0).sum(dim=-1)
    return float((expected.double() - answers.log_likelihood.double()).mean()) > 0
