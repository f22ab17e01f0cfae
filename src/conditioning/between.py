"""Prompts between two prompts: a straight line through what the transformer hears.

Dimensions: rows (of text), one a share.
"""

from collections.abc import Sequence
from typing import Any

import torch

from src.conditioning.text import Text
from src.errors import UserError, shown


def between(first: Text, second: Text, shares: Any) -> Text:
    """The text at shares of the way from the first's only row to the second's, a row each.

    0 is the first to the last bit and 1 the second; both states and pooled vector are mixed.
    Raises UserError for shares that are no numbers from 0 to 1, and for more than one row.
    """
    listed = list(shares) if isinstance(shares, Sequence) else [shares]
    for share in listed:
        if type(share) not in (int, float) or not 0 <= share <= 1:
            raise UserError(
                f"shares={shown(shares)} is impossible; give numbers from 0, the first prompt, to "
                "1, the second."
            )
    for text in (first, second):
        if len(text.pooled_text) != 1:
            raise UserError(
                f"there are {len(text.pooled_text)} prompts on one side: give one to go from and "
                "one to go to."
            )
    if not listed:
        raise UserError("shares is empty: give at least one number from 0 to 1.")
    mixed = [
        [torch.lerp(*pair, share) for share in listed] for pair in zip(first, second, strict=True)
    ]
    return Text(*(torch.cat(rows) for rows in mixed))
