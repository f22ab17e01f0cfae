"""What a setting may be, refused in one sentence that names key, value and what would do."""

import math
import re
from typing import Any

from src.errors import UserError, nearest, shown


def check_seed(key: str, seed: object) -> None:
    if type(seed) is not int or not 0 <= seed < 2**63:
        raise UserError(
            f"{key}={shown(seed)} is impossible; give a whole number from 0 to 2**63 - 1."
        )


def one_of(key: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UserError(f"{key}={shown(value)} is unknown; {nearest(str(value), known)}")


def whole(key: str, value: Any, low: int, high: int) -> None:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not (is_whole and low <= value <= high):
        raise UserError(
            f"{key}={_typed(value)} is impossible; give a whole number from {low} to {high:,}."
        )


def plain_name(key: str, value: object, example: str) -> None:
    """Of letters, digits, `_` and `-`: what may become a part of a file's name."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", value):
        raise UserError(f"{key}={value!r} is impossible; give a plain name, as {example}.")


def between(key: str, value: Any, low: int | float, high: int | float) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and math.isfinite(value) and low <= value <= high):
        raise UserError(
            f"{key}={_typed(value)} is impossible; give a number from {low} to {high:,}."
        )


def _typed(value: Any) -> str:
    """A number as it reads, text in its quotes."""
    return shown(value) if isinstance(value, str) else str(value)
