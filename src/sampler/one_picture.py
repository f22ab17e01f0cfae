"""One picture in one step: what a rule sees of it, the randomness it may use, what it decides.

Dimensions: seq (tokens of one image, row by row), hidden (those of them that are), codes.
"""

from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.sampler.counts import exact_count
from src.sampler.draw import draw_by_inversion
from src.sampler.plan import StepPlan

# what a uniform number decides; the first two are those of every published picture
FOR_CODE, FOR_CHOICE, FOR_REMASK, FOR_ORDER, FOR_CORRECTION, FOR_CORRECTED_CODE = range(6)
FOR_START, FOR_MIXTURE = range(6, 8)  # of an edit, before its first step


class Seen(NamedTuple):
    """A picture as a rule sees it; of known positions the model's opinion would mean nothing."""

    log_probs: Float[Tensor, "hidden codes"]  # float32, nats, of the guided distribution
    positions: Int[Tensor, "hidden"]  # where these are, in rising order
    token_ids: Int[Tensor, "seq"]
    is_masked: Bool[Tensor, "seq"]  # True = hidden
    is_given: Bool[Tensor, "seq"]  # True = known from the start, never to be touched
    confidence: Float[Tensor, "seq"]  # nats, log p of a settled code when it was drawn
    grid: tuple[int, int]  # height, width
    num_free: int  # positions that were not given

    def at_hidden(self, numbers: Tensor) -> Tensor:
        """Of numbers a position each, those of the hidden ones."""
        return numbers[self.positions]


class Choice(NamedTuple):
    """What a rule decides."""

    codes: Int[Tensor, "hidden"]  # one for every hidden position
    is_hidden: Bool[Tensor, "seq"]  # after the step; the loop keeps what was given
    num_scheduled: int  # how many were to stay hidden


@runtime_checkable
class Draws(Protocol):
    """The randomness of one picture in one step: float64 numbers, a position each."""

    def uniform(self, purpose: int) -> Float[Tensor, "seq"]:
        """Strictly between 0 and 1; the same purpose gives the same numbers again."""

    def gumbel(self, purpose: int) -> Float[Tensor, "seq"]: ...

    def of_picture(self, purpose: int) -> Float[Tensor, "seq"]:
        """Uniform numbers that are the same in every step."""


@runtime_checkable
class Rule(Protocol):
    """A sampler: the `decide` of a file in rules/."""

    def __call__(self, seen: Seen, draws: Draws, now: StepPlan) -> Choice: ...


def draw_codes(seen: Seen, draws: Draws, now: StepPlan) -> Int[Tensor, "hidden"]:
    """A code for every hidden position, from softmax(guided / sampling temperature)."""
    uniform = seen.at_hidden(draws.uniform(FOR_CODE))
    return draw_by_inversion(seen.log_probs, uniform, now.sampling_temperature)


def tempered(seen: Seen, now: StepPlan) -> Float[Tensor, "hidden codes"]:
    """float64, nats: the distribution that codes are drawn from; temperature 0 is one best code."""
    log_probs = seen.log_probs.double()
    if now.sampling_temperature == 0:
        best = log_probs.argmax(dim=-1, keepdim=True)
        return torch.full_like(log_probs, -torch.inf).scatter(-1, best, 0.0)
    if now.sampling_temperature == 1:
        return log_probs
    below_best = log_probs - log_probs.amax(dim=-1, keepdim=True)
    return (below_best / now.sampling_temperature).log_softmax(dim=-1)


def keep_highest(
    codes: Int[Tensor, "hidden"], score: Float[Tensor, "hidden"], seen: Seen, now: StepPlan
) -> Choice:
    """Settle the hidden positions of the highest score, as many as the schedule says.

    By rank, never by a threshold, so that ties leave the exact count; of equals the first wait.
    """
    num_scheduled = exact_count(seen.num_free, len(seen.positions), now.ratio_after)
    order = score.double().argsort(stable=True)
    is_hidden = torch.zeros_like(seen.is_masked)
    is_hidden[seen.positions[order[:num_scheduled]]] = True
    return Choice(codes, is_hidden, num_scheduled)


def add_gumbel(
    score: Float[Tensor, "hidden"], seen: Seen, draws: Draws, now: StepPlan
) -> Float[Tensor, "hidden"]:
    """score + choice temperature x Gumbel noise, in float64."""
    return score.double() + now.choice_temperature * seen.at_hidden(draws.gumbel(FOR_CHOICE))
