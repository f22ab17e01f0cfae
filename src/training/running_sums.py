"""Sums that grow step by step, add up from parts, and survive in checkpoints as plain numbers."""

import math
from dataclasses import dataclass, fields
from typing import Any

import torch
from jaxtyping import Float
from scipy.stats import t as student
from torch import Tensor

from src.errors import UserError


class RunningSums:
    """Base of dataclasses whose every field is a number, a tensor, or again such a dataclass."""

    def merge(self, other: "RunningSums") -> None:
        """Add another part of the same whole to this one."""
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            if isinstance(mine, RunningSums):
                mine.merge(theirs)
            else:
                setattr(self, each.name, mine + theirs)

    def state_dict(self) -> dict[str, Any]:
        """A copy, of numbers, tensors and dictionaries only: `torch.load` trusts it."""
        state = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, RunningSums):
                value = value.state_dict()
            elif isinstance(value, Tensor):
                value = value.clone()
            state[each.name] = value
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` told; raises UserError if a table has another size."""
        for each in fields(self):
            mine, value = getattr(self, each.name), state[each.name]
            if isinstance(mine, RunningSums):
                mine.load_state_dict(value)
                continue
            if isinstance(mine, Tensor):
                if mine.shape != value.shape:
                    raise UserError(
                        f"the checkpoint's {each.name} has shape {tuple(value.shape)} and this "
                        f"run's {tuple(mine.shape)}: go on with the number of codes and of "
                        "training.health.num_buckets that the run began with."
                    )
                value = value.clone()
            setattr(self, each.name, value)


@dataclass
class Moments(RunningSums):
    """Mean and spread of values that are independent of each other, such as rows of a batch."""

    num: int = 0
    total: float = 0.0
    total_squares: float = 0.0

    def update(self, values: Float[Tensor, " rows"]) -> None:
        values = values.detach().to("cpu", torch.float64)
        self.num += len(values)
        self.total += values.sum().item()
        self.total_squares += values.square().sum().item()

    @property
    def mean(self) -> float:
        return self.total / self.num if self.num else math.nan

    def interval(self, false_alarm_prob: float) -> tuple[float, float]:
        """Ends that the true mean lies outside of with that probability (Student's t).

        Without two values nothing is known: all numbers are possible.
        """
        if self.num < 2:
            return -math.inf, math.inf
        variance = max(0.0, self.total_squares - self.num * self.mean**2) / (self.num - 1)
        width = float(student.isf(false_alarm_prob / 2, self.num - 1))  # numpy's fits no checkpoint
        spread = width * math.sqrt(variance / self.num)
        return self.mean - spread, self.mean + spread
