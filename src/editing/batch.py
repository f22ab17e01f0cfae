"""Which pictures, masks and prompts belong together; pictures of one input stand side by side.

(Upstream's order of several pictures of several prompts is p1 p2 p1 p2; here it is p1 p1 p2 p2.)
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from src.conditioning.prompts import Prompts, checked_prompts, picture_order
from src.conditioning.text import Text
from src.errors import UserError

Each = TypeVar("Each")


def side_by_side(
    prompts: Prompts, num_inputs: int, num_each: Any
) -> tuple[list[str] | Text, list[int]]:
    """As many prompts as inputs, one prompt serving all; and the input of every picture.

    Raises UserError for other counts.
    """
    if not isinstance(prompts, Text):
        prompts = checked_prompts(prompts)
    count = num_prompts(prompts)
    if count not in (1, num_inputs):
        raise UserError(
            f"there are {count} prompts for {num_inputs} pictures: give one for all, or one each"
        )
    if count < num_inputs:
        prompts = (
            prompts.rows([0] * num_inputs) if isinstance(prompts, Text) else prompts * num_inputs
        )
    return prompts, picture_order(num_inputs, num_each)


def num_prompts(prompts: Prompts) -> int:
    """How many prompts these are; a single text is one."""
    if isinstance(prompts, Text):
        return len(prompts.pooled_text)
    return 1 if isinstance(prompts, str) or not isinstance(prompts, Sequence) else len(prompts)


def num_inputs(**given: int) -> int:
    """How many edits these make: one of a kind serves all; raises UserError for other counts."""
    most = max(given.values())
    for name, count in given.items():
        if count not in (1, most):
            counts = ", ".join(f"{each} {which}" for which, each in given.items())
            raise UserError(
                f"these do not belong together: {counts}; give one of the {name}, or {most}"
            )
    return most


def repeated(listed: Sequence[Each], count: int) -> list[Each]:
    """As many as asked for; a single one serves all."""
    return list(listed) * (count if len(listed) == 1 else 1)
