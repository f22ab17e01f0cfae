"""Tables that hold token ids instead of pictures, opened by the `datasets` library.

Others encode pictures too: a column of token ids and one of captions is all that training needs.
"""

from typing import Any, NamedTuple

import numpy as np

from src.data.bad_rows import BadRowError
from src.data.columns import USUAL_CAPTION, cell, usual_column
from src.data.config import PicturesConfig
from src.data.micro_cond import MicroCond
from src.data.source import number_of, open_table
from src.data.token_table import EncodedRow
from src.errors import UserError

TOLD_COLUMNS = ("original_width", "original_height", "aesthetic_score")


class TokenTable(NamedTuple):
    """All rows of a table, in its order."""

    rows: list[EncodedRow]
    fingerprint: str  # the library's hash of the table


def open_token_table(
    config: PicturesConfig, side: int, num_codes: int, picture_size: int
) -> TokenTable:
    """Read the ids in `data.token_ids_column`: `side * side` a row, flat or row by row.

    picture_size: pixels; what a picture's original size is taken for where no column tells it.
    Raises UserError for a missing column, and naming the row for ids or a caption that are none.
    """
    table, _ = open_table(config)
    names = table.column_names
    ids = config.token_ids_column
    caption = config.caption_column or usual_column("caption", USUAL_CAPTION, config, names)
    wanted = {"token_ids": ids, "caption": caption}
    wanted |= {key: getattr(config, f"{key}_column") for key in TOLD_COLUMNS}
    for key, name in wanted.items():
        if name is not None and name.partition(".")[0] not in names:
            raise UserError(
                f"data.{key}_column={name}: {config.path} has no such column; it has "
                f"{', '.join(names)}."
            )
    rows = []
    for number in range(len(table)):
        row = table[number]
        place = f"Row {number} of {config.path}"
        token_ids = _ids(cell(row, ids), side, num_codes, f"{place}, column {ids}")
        text = cell(row, caption)
        if not isinstance(text, str) or not text.strip():
            raise UserError(f"{place}, column {caption}: {text!r} is no caption.")
        micro = _micro(row, config, picture_size, place)
        rows.append(EncodedRow(number, 0, text.strip(), micro, token_ids))
    if not rows:
        raise UserError(f"data.path={config.path}, split {config.split}: there is no row in it.")
    return TokenTable(rows, table._fingerprint)


def _ids(value: Any, side: int, num_codes: int, place: str) -> np.ndarray:
    """A row's token ids as `rows columns`; raises UserError for anything else."""
    try:
        found = np.asarray(value)
        is_whole = np.issubdtype(found.dtype, np.integer)
    except ValueError:  # lists of several lengths
        found, is_whole = np.zeros(0), False
    if not is_whole or found.size != side * side:
        raise UserError(
            f"{place}: {found.size} numbers of type {found.dtype}; the model reads {side} x {side} "
            "whole numbers."
        )
    if found.min() < 0 or found.max() >= num_codes:
        raise UserError(
            f"{place}: ids from {found.min()} to {found.max()}; the model's codes are 0 to "
            f"{num_codes - 1}."
        )
    return found.reshape(side, side).astype(np.uint16)


def _micro(row: dict[str, Any], config: PicturesConfig, picture_size: int, place: str) -> MicroCond:
    """What the columns say of a picture's size and score; its crop is not known, so it is none."""
    told = MicroCond(picture_size, picture_size, 0, 0, config.aesthetic_score)
    for key in TOLD_COLUMNS:
        column = getattr(config, f"{key}_column")
        try:
            value = number_of(cell(row, column), key)
        except BadRowError as error:
            raise UserError(f"{place}, column {column}: {error}.") from error
        if value is not None:
            told = told._replace(**{key: value})
    return told
