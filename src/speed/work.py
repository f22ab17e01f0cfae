"""Operations and memory traffic of a stretch of computing, and how long it lasts at least.

Counted are matrix products, attentions and convolutions; what lies between them (norms,
activations, sums) is left out, so that a floor stays one.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Work(NamedTuple):
    """Of one stretch, whose arithmetic and memory traffic may go on at the same time."""

    flops: int = 0  # floating point operations
    weights: int = 0  # numbers, each read once
    states: int = 0  # numbers that go in and come out, each moved once

    def and_then(self, other: "Work") -> "Work":
        """Both as one stretch."""
        return Work(*(mine + its for mine, its in zip(self, other, strict=True)))

    def times(self, count: int) -> "Work":
        """As many of the same kind, each with weights and states of its own."""
        return Work(*(count * each for each in self))


Works = Mapping[str, list[Work]]  # by kind; one entry for every stretch that waits for another


class Machine(NamedTuple):
    """What a machine reached when it did nothing else."""

    flops_per_second: float
    bytes_per_second: float
    bytes_each: int  # of a number

    def seconds(self, work: Work) -> float:
        """The floor of one stretch: arithmetic or memory, whichever takes longer."""
        moved = self.bytes_each * (work.weights + work.states)
        return max(work.flops / self.flops_per_second, moved / self.bytes_per_second)

    @property
    def text(self) -> str:
        """In words, for notes."""
        rate, bandwidth = self.flops_per_second / 1e9, self.bytes_per_second / 1e9
        return f"measured here: {rate:,.0f} GFLOP/s, {bandwidth:,.1f} GB/s"


def together(works: Iterable[Work]) -> Work:
    """All as one stretch."""
    total = Work()
    for work in works:
        total = total.and_then(work)
    return total


def floor_of(works: Works, machine: Machine) -> dict[str, float]:
    """Seconds at least, by kind; they add up, for every stretch waits for the one before it."""
    return {kind: sum(map(machine.seconds, each)) for kind, each in works.items()}


def linear(rows: int, dim_in: int, dim_out: int) -> Work:
    """A linear map of that many rows."""
    return Work(2 * rows * dim_in * dim_out, dim_in * dim_out, rows * (dim_in + dim_out))


def attention(pictures: int, queries: int, keys: int, dim: int) -> Work:
    """Scores and mixtures of all heads, which are never written down: the four maps excluded."""
    return Work(4 * pictures * queries * keys * dim, 0, 2 * pictures * (queries + keys) * dim)


def convolution(positions: int, channels_in: int, channels_out: int, side: int) -> Work:
    """A window of side x side at so many places, whose input is as large as its output."""
    return Work(
        2 * positions * side**2 * channels_in * channels_out,
        side**2 * channels_in * channels_out,
        positions * (channels_in + channels_out),
    )
