"""Batches by number: batch k of a run is a function of k, so a resumed run sees the same ones."""

from collections.abc import Callable
from typing import Any

from torch import Generator
from torch.utils.data import DataLoader, Dataset, SequentialSampler


def step_generator(seed: int, step: int) -> Generator:
    """The random numbers of one training step, whatever was drawn before it."""
    return Generator().manual_seed((seed * 1_000_003 + step) % 2**63)


class BatchesByStep(Dataset):
    """A data set whose item k is the whole batch of training step k."""

    def __init__(self, draw_batch: Callable[[int], Any], num_steps: int):
        self.draw_batch = draw_batch
        self.num_steps = num_steps

    def __len__(self) -> int:
        return self.num_steps

    def __getitem__(self, step: int) -> Any:
        return self.draw_batch(step)


class FromStep(SequentialSampler):
    """The steps from `first_step` to the end, in order.

    Its length is that of the whole run: Lightning goes on counting where the last piece stopped,
    and would take a shorter length for the end of an epoch.
    """

    def __init__(self, batches: BatchesByStep, first_step: int):
        super().__init__(batches)
        self.first_step = first_step

    def __iter__(self):
        return iter(range(self.first_step, len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


def step_loader(batches: BatchesByStep, first_step: int, num_workers: int) -> DataLoader:
    """Serve the batches of the steps that are still to be done."""
    return DataLoader(
        batches,
        batch_size=None,
        sampler=FromStep(batches, first_step),
        num_workers=num_workers,
        prefetch_factor=4 if num_workers else None,
        persistent_workers=num_workers > 0,
    )
