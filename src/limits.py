"""What a setting may be, refused in one sentence that names key, value and what would do."""

import math

from src.errors import UserError, nearest


def check_seed(key: str, seed: int) -> None:
    if not 0 <= seed < 2**63:
        raise UserError(f"{key}={seed} is impossible; give a whole number from 0 to 2**63 - 1.")


def one_of(key: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UserError(f"{key}='{value}' is unknown; {nearest(value, known)}")


def whole(key: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise UserError(f"{key}={value} is impossible; give a whole number from {low} to {high:,}.")


def between(key: str, value: int | float, low: int | float, high: int | float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise UserError(f"{key}={value} is impossible; give a number from {low} to {high:,}.")
