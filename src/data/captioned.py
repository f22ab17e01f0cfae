"""People's captioned pictures as training examples: sample i of a seed, the same on every machine.

What stands at a sample depends on the seed and its number alone, never on the worker, the rank or
what was drawn before, so that a killed run continues with the very same pictures.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image

from src.data.bad_rows import BadRowError, Refusal
from src.data.config import PicturesConfig
from src.data.crops import resize_and_crop
from src.data.decode import decode_picture
from src.data.micro_cond import MicroCond
from src.data.order import RowOrder
from src.data.source import PictureSource
from src.errors import UserError

CROP, REPLACEMENT = 11, 12  # purposes of the random numbers
PATIENCE = 64  # bad rows in a row; with half of all rows bad that never happens


class CaptionedPicture(NamedTuple):
    picture: np.ndarray  # uint8 (size, size, 3)
    caption: str
    micro_cond: MicroCond
    row: int  # its number in the table
    refused: tuple[Refusal, ...] = ()  # bad rows that should have stood here


class CaptionedPictures:
    """An endless stream of samples over the rows of a table, epoch after epoch."""

    def __init__(self, source: PictureSource, config: PicturesConfig, size: int, seed: int):
        """Serve the rows of `source` as squares of `size` pixels."""
        self.source, self.config, self.size, self.seed = source, config, size, seed
        self.order = RowOrder(len(source), seed, config.block_rows, config.shuffled_blocks)

    def __len__(self) -> int:
        """Rows of one epoch, bad ones included."""
        return len(self.source)

    def sample(self, number: int) -> CaptionedPicture:
        """The sample of that number, counted from 0 over all epochs.

        With `data.bad_rows=replace` a bad row's place is taken by another row, drawn by the seed
        and the sample's number.

        Raises:
            UserError: the row is bad and `data.bad_rows=stop`, or no row in its place is good.
        """
        row, refused = self.order.row(number), []
        others = np.random.default_rng([self.seed, REPLACEMENT, number])
        for _ in range(PATIENCE):
            try:
                found = self.row(row, np.random.default_rng([self.seed, CROP, number]))
                return found._replace(refused=tuple(refused))
            except BadRowError as reason:
                refused.append(self.refusal(row, reason))
                if self.config.bad_rows == "stop":
                    break
                row = int(others.integers(len(self.source)))
        raise UserError(_hopeless(refused, self.config))

    def row(self, row: int, rng: np.random.Generator | None = None) -> CaptionedPicture:
        """A row of the table as an example; raises BadRowError.

        Args:
            rng: draws the corner of a random crop; None cuts the middle out, as does
                `data.crop=center`.
        """
        raw = self.source.row(row)
        image = decode_picture(raw.picture, self.config)
        crop = resize_and_crop(image, self.size, rng if self.config.crop == "random" else None)
        width, height, score = raw.original_width, raw.original_height, raw.aesthetic_score
        micro_cond = MicroCond(
            image.width if width is None else width,
            image.height if height is None else height,
            crop.top,
            crop.left,
            self.config.aesthetic_score if score is None else score,
        )
        return CaptionedPicture(crop.picture, raw.caption, micro_cond, row)

    def whole(self, row: int) -> Image.Image:
        """The whole picture of a row; raises BadRowError."""
        return decode_picture(self.source.row(row).picture, self.config)

    def refusal(self, row: int, reason: BadRowError) -> Refusal:
        """A row that turned out to be bad, for the list of them."""
        return Refusal(row, self.source.place(row), str(reason))


def _hopeless(refused: list[Refusal], config: PicturesConfig) -> str:
    first = refused[0]
    named = f"row {first.row} of {config.path}" + (f" ({first.place})" if first.place else "")
    if config.bad_rows == "stop":
        return f"{named} is bad: {first.reason}; mend it, or give data.bad_rows=replace."
    return (
        f"None of the rows tried of {config.path} can be trained on; the first, {named}: "
        f"{first.reason}."
    )
