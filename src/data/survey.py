"""What a data set holds: its rows looked at once, before anything is trained on them."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from PIL import Image

from src.data.bad_rows import BadRowError, Refusal
from src.data.captioned import CaptionedPicture
from src.data.examples import example
from src.data.scenes import World


@runtime_checkable
class Rows(Protocol):
    """Anything that has captioned pictures by number; `CaptionedPictures` is one."""

    def __len__(self) -> int: ...
    def row(self, row: int, rng: np.random.Generator | None = None) -> CaptionedPicture: ...
    def whole(self, row: int) -> Image.Image: ...
    def refusal(self, row: int, reason: BadRowError) -> Refusal: ...


class DrawnRows:
    """The first scenes of a world's training as rows; none of them is bad or cropped."""

    def __init__(self, world: World, seed: int, num_rows: int):
        self.world, self.seed, self.num_rows = world, seed, num_rows

    def __len__(self) -> int:
        return self.num_rows

    def row(self, row: int, rng: np.random.Generator | None = None) -> CaptionedPicture:
        """A scene as its training sees it; nothing is left to draw."""
        drawn = example(self.world, self.seed, row)
        return CaptionedPicture(drawn.picture, drawn.caption, drawn.micro_cond, row)

    def whole(self, row: int) -> Image.Image:
        return Image.fromarray(self.row(row).picture)

    def refusal(self, row: int, reason: BadRowError) -> Refusal:
        return Refusal(row, "", str(reason))


class Survey(NamedTuple):
    """Rows of a data set, good and bad."""

    pictures: list[CaptionedPicture]  # the middle of each, so that the same picture looks the same
    refusals: list[Refusal]


def survey(
    rows: Rows, num_rows: int, track: Callable[[Iterable[int]], Iterable[int]] = iter
) -> Survey:
    """Look at `num_rows` rows spread evenly over all of them, or at every one if there are fewer.

    Args:
        track: shows the progress of going through row numbers.
    """
    chosen = np.linspace(0, len(rows) - 1, min(num_rows, len(rows))).round().astype(int)
    pictures, refusals = [], []
    for row in track(chosen.tolist()):
        try:
            pictures.append(rows.row(row))
        except BadRowError as reason:
            refusals.append(rows.refusal(row, reason))
    return Survey(pictures, refusals)
