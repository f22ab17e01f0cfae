"""Does a model use what it is told of a picture's size, crop and score? One number a picture.

Told the truth, a model that uses it says more surely what stood at hidden positions than told of
another picture. To one that was trained on shuffled micro-conditions, in which they mean nothing,
it makes no difference, or little if it knew better before.

Names shuffled apart from the others make sets of numbers that no picture has: what such a group
gains also measures how odd those sets are, so groups cannot be ranked, nor do they add up to all.

Dimensions: batch (pictures), hidden (positions of all pictures).
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from src.amused import Amused
from src.conditioning.rows import Rows
from src.data.micro_cond import MicroCond
from src.errors import UserError, nearest
from src.interpret.checked import check_count
from src.interpret.teacher_forcing import ask, mean_of_pictures
from src.masking.corrupt import MaskedTokens

NAMES = MicroCond._fields  # in the order of a row's five numbers


def gain_of_truth(
    amused: Amused,
    hidden: MaskedTokens,
    rows: Rows,
    generator: Generator,
    names: Sequence[str] = NAMES,
    num_shuffles: Any = 4,
) -> Float[Tensor, "batch"]:
    """How much likelier what was there is under a picture's own micro-conditions; nats a token.

    Mean log-probability of the hidden tokens, less the same under strangers' micro-conditions, of
    which every picture hears `num_shuffles`. Above 0: the truth helps; 0: it makes no difference.

    names: those of NAMES that are shuffled; the others stay the picture's own.
    Raises UserError for fewer than two pictures, for an unknown name and for no shuffles.
    """
    check_count("num_shuffles", num_shuffles)
    columns = [column_of(name) for name in names]
    true = _log_likelihood(amused, hidden, rows)
    strange = torch.zeros_like(true)
    for _ in range(num_shuffles):
        micro_cond = rows.micro_cond.clone()
        others = strangers(rows.num_pictures, generator)
        micro_cond[:, columns] = rows.micro_cond[others][:, columns]
        strange += _log_likelihood(amused, hidden, retold(rows, micro_cond)) / num_shuffles
    return true - strange


def strangers(num_pictures: int, generator: Generator) -> Int[Tensor, "batch"]:
    """Another picture for each, every one once: one ring through all pictures in random order."""
    if num_pictures < 2:
        raise UserError(f"{num_pictures} picture has no other to be confused with; give several.")
    ring = torch.randperm(num_pictures, generator=generator)
    found = torch.empty_like(ring)
    found[ring] = ring.roll(1)
    return found


def column_of(name: Any) -> int:
    """Where a micro-condition stands in a row; raises UserError for an unknown one."""
    if name not in NAMES:
        raise UserError(f"there is no micro-condition '{name}'; {nearest(str(name), NAMES)}")
    return NAMES.index(name)


def retold(rows: Rows, micro_cond: Float[Tensor, "batch 5"]) -> Rows:
    """The same pictures and captions under other micro-conditions."""
    return rows._replace(micro_cond=micro_cond, negative_micro_cond=micro_cond)


def _log_likelihood(amused: Amused, hidden: MaskedTokens, rows: Rows) -> Float[Tensor, "batch"]:
    answers = ask(amused, hidden, rows)
    return mean_of_pictures(answers.log_likelihood, answers.pictures, rows.num_pictures)
