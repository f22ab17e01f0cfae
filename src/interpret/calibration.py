"""Does a probability mean anything? What a model says of hidden tokens, held against the truth.

A model is calibrated if, of the tokens it names with probability 0.8, eight in ten are right. The
confidence asked about here is that of the likeliest code, and right means that this code was there.
Definitions: Guo et al. 2017 (arXiv 1706.04599), section 2; Geifman & El-Yaniv 2017 for coverage.

Dimensions: hidden (positions of all pictures), bins, points, draws.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from src.errors import UserError
from src.interpret.checked import check_count, check_share
from src.interpret.teacher_forcing import Answers

NUM_DRAWS = 1000  # of the labels of a calibrated model
MOST_BINS = 1000


class Bins(NamedTuple):
    """Positions sorted into bins by confidence; NaN where a bin is empty."""

    low: Float[Tensor, "bins"]  # the least confidence that belongs here
    high: Float[Tensor, "bins"]
    num_hidden: Int[Tensor, "bins"]
    confidence: Float[Tensor, "bins"]  # mean of what is stated, 0..1
    accuracy: Float[Tensor, "bins"]  # share that is right, 0..1

    @property
    def error(self) -> float:
        """ECE: mean distance of stated and true, 0..1, each bin by its number of positions."""
        weight = self.num_hidden.double() / self.num_hidden.sum()
        return float(((self.confidence - self.accuracy).abs().nan_to_num(0.0) * weight).sum())


class Floor(NamedTuple):
    """The ECE that a perfectly calibrated model would show: no sample of labels gives 0."""

    mean: float
    high: float  # such a share of all samples lies below as was asked for


class CoverageRisk(NamedTuple):
    """Answer only where the confidence is high enough: how much is answered, how much is wrong."""

    coverage: Float[Tensor, "points"]  # share of positions answered, rising to 1
    risk: Float[Tensor, "points"]  # share of those that is wrong


class Calibration(NamedTuple):
    """How well a model's probabilities describe the hidden tokens of some pictures."""

    num_hidden: int
    num_pictures: int
    nll: float  # nats a hidden token: minus the mean log-probability of what was there
    brier: float  # 0..2, squared distance of all probabilities from the truth (Brier 1950)
    accuracy: float  # 0..1
    confidence: float  # 0..1, mean
    ece: float  # by bins of equal width
    adaptive_ece: float  # by bins of equally many positions
    floor: Floor  # of `ece`, each token right or wrong by itself
    clustered_floor: Floor  # of `ece`, a picture's tokens right or wrong together, as they are here
    bins: Bins
    adaptive_bins: Bins
    coverage_risk: CoverageRisk


def calibration(
    answers: Answers, num_bins: Any, generator: Generator, confidence: Any = 0.95
) -> Calibration:
    """All of it; raises UserError without answers, and for numbers that cannot be.

    generator: draws the labels of the calibrated model whose ECE is the floor.
    confidence: 0..1, share of that model's samples below the floor's `high`.
    """
    check_count("num_bins", num_bins, MOST_BINS)
    check_share("confidence", confidence)
    check_answers(answers)
    stated, is_right = best_guess(answers)
    bins = equal_bins(stated, is_right, num_bins)
    adaptive = adaptive_bins(stated, is_right, num_bins)
    by_picture = clustered_errors(stated, is_right, answers.pictures, num_bins, generator)
    return Calibration(
        num_hidden=len(is_right),
        num_pictures=len(answers.pictures.unique()),
        nll=-float(answers.log_likelihood.double().mean()),
        brier=brier(answers),
        accuracy=float(is_right.double().mean()),
        confidence=float(stated.mean()),
        ece=bins.error,
        adaptive_ece=adaptive.error,
        floor=floor_of(chance_errors(stated, num_bins, generator), confidence),
        clustered_floor=floor_of(by_picture, confidence),
        bins=bins,
        adaptive_bins=adaptive,
        coverage_risk=coverage_risk(stated, is_right),
    )


def check_answers(answers: Answers) -> None:
    """Refuse answers that are none, or no numbers; raises UserError. A probability may be 0."""
    if len(answers.true_ids) == 0:
        raise UserError("there are no hidden tokens to judge the model by; hide some.")
    if not (answers.log_probs < torch.inf).all():  # nor is NaN
        raise UserError(
            "log_probs holds what is no log-probability, such as NaN; give what `ask` gave, of a "
            "model whose weights are finite."
        )


def best_guess(answers: Answers) -> tuple[Float[Tensor, "hidden"], Bool[Tensor, "hidden"]]:
    """The probability of the likeliest code, double precision, and whether that code was there."""
    best = answers.log_probs.max(dim=-1)
    return best.values.double().exp().clamp(max=1), best.indices == answers.true_ids


def equal_bins(
    confidence: Float[Tensor, "hidden"], is_right: Bool[Tensor, "hidden"], num_bins: int
) -> Bins:
    """Bins of equal width, each with its lower end; the last one with 1 as well."""
    edges = torch.linspace(0, 1, num_bins + 1, dtype=torch.float64)
    place = _bin_of(confidence, num_bins)
    count = torch.bincount(place, minlength=num_bins)
    return Bins(
        edges[:-1],
        edges[1:],
        count,
        _sums(confidence, place, num_bins) / count,
        _sums(is_right.double(), place, num_bins) / count,
    )


def adaptive_bins(
    confidence: Float[Tensor, "hidden"], is_right: Bool[Tensor, "hidden"], num_bins: int
) -> Bins:
    """Bins of equally many positions, give or take one; equal confidences may be parted.

    Fewer positions than bins give a bin each.
    """
    stated, order = confidence.double().sort(stable=True)
    num_bins = min(num_bins, len(stated))
    parts = stated.tensor_split(num_bins)
    right = is_right[order].double().tensor_split(num_bins)
    return Bins(
        torch.stack([part[0] for part in parts]),
        torch.stack([part[-1] for part in parts]),
        torch.tensor([len(part) for part in parts]),
        torch.stack([part.mean() for part in parts]),
        torch.stack([part.mean() for part in right]),
    )


def floor_of(errors: Float[Tensor, "draws"], confidence: float = 0.95) -> Floor:
    """Mean and upper end of the ECEs of chance."""
    return Floor(float(errors.mean()), float(errors.quantile(confidence)))


def chance_errors(
    confidence: Float[Tensor, "hidden"],
    num_bins: int,
    generator: Generator,
    num_draws: int = NUM_DRAWS,
) -> Float[Tensor, "draws"]:
    """The ECEs if every position were right with exactly the probability stated.

    Right and wrong are thrown independently. A real picture's tokens are often wrong together, so
    that a calibrated model may well lie above this; see `clustered_errors`.
    """
    place = _bin_of(confidence, num_bins)
    stated = _sums(confidence, place, num_bins)
    found = torch.empty(num_draws, dtype=torch.float64)
    for draw in range(num_draws):
        is_right = torch.rand(len(place), generator=generator, dtype=torch.float64) < confidence
        found[draw] = (_sums(is_right.double(), place, num_bins) - stated).abs().sum() / len(place)
    return found


def clustered_errors(
    confidence: Float[Tensor, "hidden"],
    is_right: Bool[Tensor, "hidden"],
    pictures: Int[Tensor, "hidden"],
    num_bins: int,
    generator: Generator,
    num_draws: int = NUM_DRAWS,
) -> Float[Tensor, "draws"]:
    """The ECEs of chance alone, where a picture's tokens are right or wrong together.

    What lies between right (1 or 0) and stated keeps its size and its company, and is turned around
    for half of the pictures at random, so that nothing systematic is left (wild cluster bootstrap;
    Cameron, Gelbach & Miller 2008).
    """
    number, of_picture = pictures.unique(return_inverse=True)
    place = of_picture * num_bins + _bin_of(confidence, num_bins)
    left = _sums(is_right.double() - confidence, place, len(number) * num_bins)
    signs = torch.randint(2, (num_draws, len(number)), generator=generator).double() * 2 - 1
    return (signs @ left.view(len(number), num_bins)).abs().sum(dim=1) / len(confidence)


def coverage_risk(
    confidence: Float[Tensor, "hidden"], is_right: Bool[Tensor, "hidden"]
) -> CoverageRisk:
    """A point for every confidence that occurs: all positions at least as sure are answered."""
    levels, place = confidence.unique(return_inverse=True)  # ascending
    count = torch.bincount(place).flip(0).cumsum(0)
    wrong = _sums((~is_right).double(), place, len(levels)).flip(0).cumsum(0)
    return CoverageRisk(count.double() / len(place), wrong / count)


def brier(answers: Answers) -> float:
    """Mean of sum over codes of (p - [code was there])^2, 0..2."""
    probs = answers.log_probs.exp()
    square = probs.square().sum(dim=-1).double()
    return float((square - 2 * answers.log_likelihood.double().exp() + 1).mean())


def _bin_of(confidence: Float[Tensor, "hidden"], num_bins: int) -> Int[Tensor, "hidden"]:
    edges = torch.linspace(0, 1, num_bins + 1, dtype=torch.float64)
    return (torch.bucketize(confidence.double(), edges, right=True) - 1).clamp(0, num_bins - 1)


def _sums(
    values: Float[Tensor, "hidden"], place: Int[Tensor, "hidden"], num_bins: int
) -> Float[Tensor, "num_bins"]:
    return torch.zeros(num_bins, dtype=torch.float64).index_add(0, place, values.double())
