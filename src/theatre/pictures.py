"""The theatre's pictures as PNG: each step of a branch, and every code as a tile of one sheet.

Dimensions: side (of a tile, in pixels).
"""

import io
from collections.abc import Sequence
from typing import NamedTuple

import torch
from PIL import Image

from src.amused import Amused
from src.interpret.branch import Branch
from src.interpret.codebook import code_tiles

MOST_TILES = 1024  # codes; more would take a minute to draw, and are shown as numbers
COLUMNS = 32  # tiles side by side in the sheet


class TileSheet(NamedTuple):
    """What each code looks like among its own, code 0 in the upper left corner, row by row."""

    png: bytes  # empty: the codebook is too large
    columns: int
    side: int


def step_pictures(
    amused: Amused, branch: Branch, known: Sequence[bytes] = (), after_step: int = 0
) -> list[bytes]:
    """The picture drawn in each step; up to `after_step` they are those of `known`, its parent."""
    kept = min(after_step, branch.num_steps - 1)  # an edit after the last step changes its picture
    pictures = amused.decode_tokens(branch.trace.drawn_ids[kept:, 0])
    return [*known[:kept], *(png(each) for each in pictures)]


def tile_sheet(amused: Amused) -> TileSheet:
    """All codes of a model, decoded."""
    codes = amused.image_tokenizer.codebook_size
    if codes > MOST_TILES:
        return TileSheet(b"", COLUMNS, 0)
    tiles = (code_tiles(amused.image_tokenizer) * 255).round().to(torch.uint8)
    side = tiles.shape[-1]
    sheet = Image.new("RGB", (COLUMNS * side, -(-codes // COLUMNS) * side), "white")
    for code, tile in enumerate(tiles.permute(0, 2, 3, 1).numpy()):
        place = (code % COLUMNS * side, code // COLUMNS * side)
        sheet.paste(Image.fromarray(tile), place)
    return TileSheet(png(sheet), COLUMNS, side)


def png(picture: Image.Image) -> bytes:
    """The picture in a file's bytes."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()
