"""What a model answers when it is told another size, crop or score: one number moved, or two.

Dimensions: batch (pictures), hidden (positions of all pictures), ratios (shares of tokens that are
hidden), values (told instead of the picture's own), codes.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from src.amused import Amused
from src.conditioning.micro import micro_cond_rows
from src.conditioning.rows import Rows
from src.data.micro_cond import MicroCond, check_micro_cond
from src.interpret.micro_cond_probe import NAMES, column_of, retold
from src.interpret.teacher_forcing import Answers, ask
from src.masking.corrupt import MaskedTokens
from src.sampler.entropies import divergence


class Sweep(NamedTuple):
    """One micro-condition told otherwise, all else the same."""

    name: str  # of NAMES
    values: list[float]  # told to every picture in place of its own, in the number's own unit
    mask_ratios: list[float]  # share of all tokens that is hidden
    divergence: Float[Tensor, "ratios values"]  # nats a hidden token, KL(own || told), mean
    gain: Float[Tensor, "ratios values"]  # nats a hidden token, by which the truth gets likelier


class Interactions(NamedTuple):
    """Whether two numbers told otherwise together do more, or less, than each alone.

    All are changes in the mean log-probability of what was there; nats a hidden token.
    """

    alone: Float[Tensor, "5"]  # in the order of NAMES
    pairs: Float[Tensor, "5 5"]  # both, less each alone; symmetric, 0 on the diagonal


def sweep(
    amused: Amused,
    hidden: Sequence[MaskedTokens],
    rows: Rows,
    name: str,
    values: Sequence[Any],
) -> Sweep:
    """Tell all pictures each value in turn, at every share hidden.

    hidden: the same pictures with different shares of their tokens hidden.
    Raises UserError for an unknown name and an impossible value.
    """
    column = column_of(name)
    for value in values:
        check_micro_cond(name, value)
    apart, gain = torch.zeros(2, len(hidden), len(values), dtype=torch.float64)
    for row, masked in enumerate(hidden):
        own = ask(amused, masked, rows)
        for place, value in enumerate(values):
            micro_cond = rows.micro_cond.clone()
            micro_cond[:, column] = float(value)
            said = ask(amused, masked, retold(rows, micro_cond))
            apart[row, place] = mean_divergence(own, said)
            gain[row, place] = _mean(said) - _mean(own)
    ratios = [float(masked.is_masked.double().mean()) for masked in hidden]
    return Sweep(name, [float(value) for value in values], ratios, apart, gain)


def interactions(
    amused: Amused, hidden: MaskedTokens, rows: Rows, other: MicroCond
) -> Interactions:
    """Tell all pictures one number of `other`, then two, in place of their own.

    Raises UserError for numbers that no picture can have.
    """
    micro_cond_rows([other], 1)
    told_other = torch.tensor(other, dtype=torch.float32, device=rows.micro_cond.device)
    start = _mean(ask(amused, hidden, rows))

    def change(*columns: int) -> float:
        micro_cond = rows.micro_cond.clone()
        micro_cond[:, columns] = told_other[list(columns)]
        return _mean(ask(amused, hidden, retold(rows, micro_cond))) - start

    alone = torch.tensor([change(column) for column in range(len(NAMES))], dtype=torch.float64)
    pairs = torch.zeros(len(NAMES), len(NAMES), dtype=torch.float64)
    for first, second in torch.combinations(torch.arange(len(NAMES))).tolist():
        both = change(first, second) - float(alone[first] + alone[second])
        pairs[first, second] = pairs[second, first] = both
    return Interactions(alone, pairs)


def mean_divergence(own: Answers, said: Answers) -> float:
    """KL(own || said), nats, the mean over hidden positions; at least 0."""
    return float(divergence(own.log_probs.double(), said.log_probs.double()).mean())


def _mean(answers: Answers) -> float:
    return float(answers.log_likelihood.double().mean())
