"""What a training tells the U-ViT of its pictures' size, crop and score: the truth, or less.

Whoever asks what micro-conditioning is worth trains a model that was told of other pictures, or
nothing, and asks both the same. Dimensions: batch.
"""

from collections.abc import Sequence

import torch

from src.data.micro_cond import MicroCond
from src.data.order import RowOrder
from src.training.rows import Rows, Samples

KEPT, DROPPED, SHUFFLED = "kept", "dropped", "shuffled"
OTHER_ORDER = 1  # beside the seed of the rows' own order


def describe(rows: Rows, how: str, usual: MicroCond, seed: int) -> Rows:
    """The rows as `training.micro_cond` wants them described.

    how: "kept" = as they are; "dropped" = all as `usual`, what sampling asks for; "shuffled" = as
        another row of the same epoch, so that the numbers stay as frequent and mean nothing.
    """
    if how == DROPPED:
        return AlikeRows(rows, usual)
    return ShuffledRows(rows, seed) if how == SHUFFLED else rows


class AlikeRows:
    """Rows that all carry the same micro-condition."""

    def __init__(self, rows: Rows, usual: MicroCond):
        self.rows, self.usual = rows, torch.tensor(usual, dtype=torch.float32)

    def __len__(self) -> int:
        return len(self.rows)

    def samples(self, numbers: Sequence[int]) -> Samples:
        found = self.rows.samples(numbers)
        return found._replace(micro_cond=self.usual.expand(len(numbers), -1))


class ShuffledRows:
    """Rows whose micro-conditions are those of others; every one serves once an epoch."""

    def __init__(self, rows: Rows, seed: int):
        self.rows = rows
        self.order = RowOrder(len(rows), seed + OTHER_ORDER, block_rows=len(rows))

    def __len__(self) -> int:
        return len(self.rows)

    def samples(self, numbers: Sequence[int]) -> Samples:
        """Pictures are read twice, once for themselves and once for what another is told."""
        strangers = [self._stranger(number) for number in numbers]
        told = self.rows.samples(strangers).micro_cond
        return self.rows.samples(numbers)._replace(micro_cond=told)

    def _stranger(self, number: int) -> int:
        """A sample of the same epoch."""
        first = number - number % len(self.rows)
        return first + self.order.row(number)
