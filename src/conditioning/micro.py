"""Micro-conditioning as the transformer reads it: named values -> a row of five numbers.

Dimensions: batch.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from src.data.micro_cond import MicroCond, check_micro_cond
from src.errors import UserError


def micro_cond_rows(micro_cond: Any, num_rows: int) -> Float[Tensor, "batch 5"]:
    """One row a prompt, in upstream's order: width, height, crop top, crop left, score.

    micro_cond: a MicroCond for all, or a sequence of `num_rows` of them. The rows are float32
        whatever the model's precision: bfloat16 would round an original width of 1001 to 1000.

    Raises UserError for values without names (a bare tuple hides which number is which), for
    numbers that are not finite or out of range, and for a wrong count.
    """
    if isinstance(micro_cond, MicroCond):
        micro_cond = [micro_cond] * num_rows
    rows = list(micro_cond) if isinstance(micro_cond, Sequence) else [micro_cond]
    for row in rows:
        if not isinstance(row, MicroCond):
            raise UserError(
                f"micro_cond holds {row!r}, whose numbers have no names: give "
                "MicroCond(original_width=..., original_height=..., crop_top=..., crop_left=..., "
                "aesthetic_score=...), or one a prompt"
            )
        for name, value in row._asdict().items():
            check_micro_cond(name, value)
    if len(rows) != num_rows:
        raise UserError(
            f"micro_cond has {len(rows)} entries for {num_rows} prompts: give one for all, "
            "or one a prompt"
        )
    return torch.tensor(rows, dtype=torch.float32).reshape(num_rows, 5)
