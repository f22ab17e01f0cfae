"""One measured number, never without what was measured, on how many samples, and how surely."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable


@runtime_checkable
class Eyes(Protocol):
    """Frozen weights that looked at the pictures."""

    @property
    def resizer(self) -> str: ...

    @property
    def weights_hash(self) -> str: ...


@dataclass(frozen=True)
class Measurement:
    """A number of a report.

    `low` and `high` enclose the true value with the stated confidence. A distance that falls as
    pictures are added lies above it by `bias`, and may lie outside its own interval.
    """

    name: str  # "FD[glyph-clip]", "CLIP score[glyph-clip]", "whole scene right: two objects"
    value: float
    num_samples: int  # pictures the number was computed from
    low: float | None = None
    high: float | None = None
    subject: str = "generated pictures"  # or "real scenes", "shuffled captions"
    num_reference: int | None = None  # real pictures on the other side, for distances
    is_higher_better: bool = True
    is_share: bool = False  # a share in [0, 1], written in percent
    note: str = ""  # what a reader must know to compare this number with another one
    bias: float | None = None  # how much too large the value is, by estimate; the interval's middle
    resizer: str = ""  # how pictures were brought to the extractor's size
    weights_hash: str = ""  # of the extractor, 12 hex digits

    @property
    def small_print(self) -> str:
        """The note, and what else a reader must know to compare."""
        parts = [self.note]
        if self.resizer:
            parts.append(f"resized by {self.resizer}, weights {self.weights_hash}")
        return "; ".join(part for part in parts if part)

    @property
    def samples(self) -> str:
        """The sample count in words, for tables: "500" or "500 vs 1,000"."""
        if self.num_reference is None:
            return f"{self.num_samples:,}"
        return f"{self.num_samples:,} vs {self.num_reference:,}"

    @property
    def text(self) -> str:
        """The value with its interval: "91.4 % (88.6 to 93.6)"; counts keep all their digits."""
        value = f"{self.value:.1%}".replace("%", " %") if self.is_share else f"{self.value:,.2f}"
        if self.low is None or self.high is None:
            is_count = self.value.is_integer() and abs(self.value) >= 1000
            return f"{self.value:,.0f}" if is_count and not self.is_share else value
        if self.is_share:
            return f"{value} ({100 * self.low:.1f} to {100 * self.high:.1f})"
        return f"{value} ({self.low:,.2f} to {self.high:,.2f})"


def seen_by(eyes: Eyes, *measurements: Measurement) -> Sequence[Measurement]:
    """The numbers with whose eyes they are of, and which resize."""
    resizer, weights_hash = eyes.resizer, eyes.weights_hash  # once, for it is of all weights
    return [replace(each, resizer=resizer, weights_hash=weights_hash) for each in measurements]
