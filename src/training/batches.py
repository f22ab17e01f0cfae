"""Batches by number: what step k trains on is a function of k, so a resumed run sees the same.

A step's global batch can be dealt out: to the ranks of several processes, and to parts that one
process passes through the model one after the other (accumulation). Who gets what is a function of
the position in the global batch, so any way of dealing trains on the same samples.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Generator
from torch.utils.data import DataLoader, Dataset, SequentialSampler

from src.errors import UserError
from src.training.worker_signals import ignore_signals


class Dealt(NamedTuple):
    """How a step's global batch is dealt out."""

    batch_size: int  # samples in one pass through the model
    accumulation: int = 1  # passes of one process before the weights move
    num_ranks: int = 1

    @property
    def num_parts(self) -> int:
        return self.accumulation * self.num_ranks

    @property
    def global_batch(self) -> int:
        """Samples of one step, over all parts and ranks."""
        return self.batch_size * self.num_parts

    def part(self, number: int, rank: int) -> tuple[int, slice]:
        """The step that a rank's pass of that number belongs to, and its place in the batch."""
        step, turn = divmod(number, self.accumulation)
        first = (turn * self.num_ranks + rank) * self.batch_size
        return step, slice(first, first + self.batch_size)


def step_generator(seed: int, step: int) -> Generator:
    """The random numbers of one training step, whatever was drawn before it."""
    return Generator().manual_seed((seed * 1_000_003 + step) % 2**63)


class BatchesByNumber(Dataset):
    """A data set whose item k is what a rank's k-th pass through the model is given."""

    def __init__(
        self, draw_part: Callable[[int, slice], Any], num_steps: int, dealt: Dealt, rank: int = 0
    ):
        """Serve a run's passes.

        draw_part: what lies at these places of the global batch of a step.
        """
        self.draw_part, self.dealt, self.rank = draw_part, dealt, rank
        self.num_batches = num_steps * dealt.accumulation

    def __len__(self) -> int:
        return self.num_batches

    def __getitem__(self, number: int) -> Any:
        try:
            return self.draw_part(*self.dealt.part(number, self.rank))
        except UserError as refusal:  # raised where it is used: a worker would add its traceback
            return refusal


class FromNumber(SequentialSampler):
    """The batches from number `first` to the end, in order.

    Its length is that of the whole run: Lightning goes on counting where the last piece stopped,
    and would take a shorter length for the end of an epoch.
    """

    def __init__(self, batches: BatchesByNumber, first: int):
        super().__init__(batches)
        self.first = first

    def __iter__(self):
        return iter(range(self.first, len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


def batch_loader(
    batches: BatchesByNumber, first: int, num_workers: int, timeout: float = 0
) -> DataLoader:
    """Serve the batches that are still to come.

    timeout: seconds that a worker may take for one; 0 = for ever.
    """
    return DataLoader(
        batches,
        batch_size=None,
        sampler=FromNumber(batches, first),
        num_workers=num_workers,
        prefetch_factor=4 if num_workers else None,
        persistent_workers=num_workers > 0,
        timeout=timeout if num_workers else 0,
        worker_init_fn=ignore_signals,
    )
