"""What aMUSEd's technical report says (arXiv 2401.01808), figure by figure, and where that is from.

The report's own text gave few of them: most are the raw data of its authors' repositories. How each
one is known stands beside it, and is kept wherever it is shown.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_suffix(".json")
KNOWN = ("raw data", "computed", "second hand")  # of the authors; from their settings; from hearsay
KINDS = ("share", "amount")  # of a tolerance: of the value, or in its unit


@dataclass(frozen=True)
class Reported:
    """One figure."""

    section: str  # "quality against guidance"
    quantity: str  # "FID"
    value: float
    unit: str  # "s", "GB"; "" where it has none
    known: str  # one of KNOWN
    source: str  # a repository and its file, or what else it is from
    tolerance: float  # how far ours may be from it
    tolerance_kind: str  # one of KINDS
    experiment: str | None  # which one measures it; None: none of this workspace does
    conditions: dict[str, Any]  # {"model": "amused_256", "guidance": 4, "steps": 12, ...}
    note: str = ""

    def __post_init__(self) -> None:
        if self.known not in KNOWN or self.tolerance_kind not in KINDS or self.tolerance < 0:
            raise ValueError(f"{self.section}, {self.conditions}: how it is known, or a tolerance")

    @property
    def reach(self) -> float:
        """The largest difference that is within the tolerance, in its unit."""
        is_share = self.tolerance_kind == "share"
        return self.tolerance * abs(self.value) if is_share else self.tolerance

    @property
    def tolerance_text(self) -> str:
        """The tolerance in words: "3 %", "0.1", "exactly"."""
        if self.tolerance == 0:
            return "exactly"
        if self.tolerance_kind == "share":
            return f"{100 * self.tolerance:g} %"
        return f"{number(self.tolerance)} {self.unit}".strip()

    def is_within(self, value: float) -> bool:
        """Whether a measured value is as near as the tolerance asks."""
        return abs(value - self.value) <= self.reach


@cache
def reported() -> tuple[Reported, ...]:
    """Every figure, in the order of the report's sections.

    Raises:
        ValueError: the file holds a figure twice, or one that lacks something.
    """
    content = json.loads(FILE.read_text(encoding="utf-8"))
    known = [
        _figure(group, entry, content["sources"])
        for group in content["groups"]
        for entry in group["figures"]
    ]
    keys = {(each.section, each.quantity, each.known, *_plain(each.conditions)) for each in known}
    if len(keys) != len(known):
        raise ValueError(f"{FILE.name} holds a figure twice")
    return tuple(known)


def number(value: int | float) -> str:
    """A value as tables show it: counts with commas, others with five digits."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.5g}"


def _figure(group: dict[str, Any], entry: dict[str, Any], sources: dict[str, str]) -> Reported:
    """What a group's figures share, and what is this one's own."""
    own = dict(entry)
    notes = [text for text in (group.get("note", ""), own.pop("note", "")) if text]
    value, experiment = own.pop("value"), own.pop("experiment", group["experiment"])
    return Reported(
        section=group["section"],
        quantity=group["quantity"],
        value=float(value),
        unit=group["unit"],
        known=group["known"],
        source=sources[group["source"]],
        tolerance=float(group["tolerance"]),
        tolerance_kind=group["tolerance_kind"],
        experiment=experiment,
        conditions={**group["conditions"], **own},
        note="; ".join(notes),
    )


def _plain(conditions: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted((key, str(value)) for key, value in conditions.items())
