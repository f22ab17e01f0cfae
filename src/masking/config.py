"""Settings of the training-time corruption: how many image tokens are hidden, and in which shape.

Imports no torch, so that composing a configuration stays quick.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from src.errors import UserError, nearest, shown
from src.limits import one_of

COUNTS = ("exact", "coin")
BY_HAND = "by_hand"
# laws that take a number, as in power:2.5, each with the number that it has without being told
NUMBERS = {"power": 2.0, "exponential": math.log(256), "logarithmic": math.log(256)}
KNOWN_SCHEDULES = (  # the laws of masking/schedule.py
    *("cosine", "linear", "uniform", "arccos", "square", "cubic", "square_root"),
    *(*NUMBERS, BY_HAND),
)
LARGEST_NUMBER = 100.0  # of a law: beyond it, it is a step


class Schedule(NamedTuple):
    """A mask schedule as it is written in one text: "cosine", "power:2.5", "by_hand:0.8/0.3/0"."""

    law: str  # one of KNOWN_SCHEDULES
    numbers: tuple[float, ...] = ()  # the law's own, or the hidden shares after each step by hand


@dataclass
class MaskingConfig:
    """What `draw_corruption` follows; the defaults are aMUSEd's 256-pixel training."""

    schedule: str = "cosine"  # see read_schedule
    min_mask_ratio: float = 0.0  # 0..1, floor under the hidden share; 0 = no floor
    rectangle_prob: float = 0.0  # 0..1, pictures that lose one rectangle; 0.15 at 512 pixels
    count: str = "exact"  # one of COUNTS: the share's number of tokens, or a coin for each token
    random_prob: float = 0.0  # 0..1, hidden tokens that a random code stands for, not the mask


def read_schedule(text: object) -> Schedule:
    """A schedule from its text: LAW, LAW:NUMBER, or by_hand:SHARE/SHARE/.../0.

    Raises UserError for an unknown law, naming the nearest; for a number that the law does not
    take; for shares that rise, leave 0..1 or do not reach 0.
    """
    law, has_numbers, rest = str(text).partition(":")
    if not isinstance(text, str) or law not in KNOWN_SCHEDULES:
        raise UserError(f"schedule={shown(text)} is unknown; {nearest(law, KNOWN_SCHEDULES)}")
    if law == BY_HAND:
        return Schedule(law, _shares(text, rest))
    if law not in NUMBERS:
        if has_numbers:
            raise UserError(
                f"schedule={shown(text)} is impossible: {law} takes no number; leave out :{rest}."
            )
        return Schedule(law)
    numbers = _numbers(rest) if has_numbers else (NUMBERS[law],)
    if len(numbers) != 1 or not 0 < numbers[0] <= LARGEST_NUMBER:
        raise UserError(
            f"schedule={shown(text)} is impossible; {law} takes one number above 0 and up to "
            f"{LARGEST_NUMBER:.0f}, as in {law}:2.5."
        )
    return Schedule(law, numbers)


def check_schedule(schedule: object) -> None:
    """Refuse what `read_schedule` cannot read; raises UserError."""
    read_schedule(schedule)


def _shares(text: str, rest: str) -> tuple[float, ...]:
    """The hidden share after each step, written by hand."""
    shares = _numbers(rest)
    falls = all(0 <= after <= before for before, after in zip((1.0, *shares), shares, strict=False))
    if not shares or not falls:
        raise UserError(
            f"schedule={shown(text)} is impossible; give the hidden share after each step, from 1 "
            f"down to 0 and never rising, as in {BY_HAND}:0.8/0.3/0."
        )
    if shares[-1] != 0:
        raise UserError(
            f"schedule={shown(text)} does not reach 0: its last share, {shares[-1]}, would leave "
            "tokens hidden; end it with /0."
        )
    return shares


def _numbers(rest: str) -> tuple[float, ...]:
    """Numbers parted by slashes; none where one cannot be read (NaN falls to the checks)."""
    try:
        return tuple(float(part) for part in rest.split("/"))
    except ValueError:
        return ()


def check_masking(config: MaskingConfig) -> None:
    """Refuse settings that no corruption can follow; raises UserError."""
    check_schedule(config.schedule)
    one_of("masking.count", config.count, COUNTS)
    for name in ("min_mask_ratio", "rectangle_prob", "random_prob"):
        value = getattr(config, name)
        if not (math.isfinite(value) and 0 <= value <= 1):
            raise UserError(f"masking.{name}={value} is impossible; give a number from 0 to 1.")
