"""Where memory runs out, frozen weights look at half as much at once, and go on.

How many pictures pass through a network together moves the last digits of their features (2e-6
relative on a processor), so what was begun with more is begun again.
"""

import warnings
from collections.abc import Callable
from typing import Protocol, TypeVar, runtime_checkable

from src.errors import UserError
from src.memory import is_out_of_memory

Found = TypeVar("Found")


class Halved(UserWarning):
    """Memory ran out; fewer pictures or captions go through the network at once."""


@runtime_checkable
class InBatches(Protocol):
    """Whoever looks at `batch_size` at once."""

    name: str
    batch_size: int


def with_less_at_once(eyes: InBatches, look: Callable[[], Found], one: str) -> Found:
    """What `look` gives; after an error of memory again, with half of `eyes.batch_size`.

    one: what a batch of one is, for a sentence: "a single caption".

    Raises:
        UserError: no memory for one alone.
    """
    while True:
        try:
            return look()
        except (RuntimeError, MemoryError) as error:  # of torch, on any device, and of NumPy
            if not is_out_of_memory(error):
                raise
            if eyes.batch_size == 1:
                raise UserError(
                    f"There is not enough memory for {eyes.name} and {one}: free some, or give "
                    "another device=."
                ) from error
            eyes.batch_size //= 2
            warnings.warn(
                f"Memory ran out: {eyes.name} sees {eyes.batch_size} at once from here on, which "
                "may move the last digits of its features.",
                Halved,
                stacklevel=3,
            )
