"""The codebook to look at: which codes are used, what they look like, which are alike.

Dimensions: codes, side (of the picture of one code, in pixels), near (codes a code).
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from src.interpret.codebook import NearestCodes, Usage
from src.report.film_strip import WIDTH
from src.report.look import (
    INK,
    LARGE,
    MARGIN,
    MUTED,
    NORMAL,
    PALETTE,
    SMALL,
    label,
    light,
    new_figure,
    panel,
    show_picture,
)

SHEET = 4.9  # inches, the width of the sheet of codes
TILE, GAP = 0.42, 0.1  # of one neighbour
UNSEEN = 0.79  # grey: no picture of that code, in mean_patches


def codebook_figure(
    used: Usage, tiles: Float[Tensor, "codes 3 side side"], title: str = ""
) -> Figure:
    """How often each code is used, and a sheet of all of them, the most frequent first.

    Args:
        tiles: of `interpret.codebook.code_tiles`, or `mean_patches`.

    Raises:
        ValueError: not one tile a code.
    """
    if len(tiles) != len(used.counts):
        raise ValueError(f"{len(tiles)} tiles for {len(used.counts)} codes: give one each")
    order = used.counts.argsort(descending=True, stable=True)
    num_dead = len(used.dead_ids)
    sheets = [("used, most frequent first", order[: len(order) - num_dead])]
    if num_dead:
        sheets.append(("never used", order[len(order) - num_dead :]))
    columns = max(8, int(np.ceil(np.sqrt(1.6 * len(order)))))
    heights = [SHEET / columns * -(-max(1, len(ids)) // columns) for _, ids in sheets]
    top = MARGIN + 0.72
    figure = new_figure(WIDTH, top + max(sum(heights) + 0.38 * (len(sheets) - 1), 2.6) + 0.6)
    heading = title or "The codebook"
    label(figure, MARGIN, MARGIN, heading, fontsize=LARGE, ha="left", weight="bold")
    _draw_counts(panel(figure, MARGIN + 0.5, top, 2.5, 2.2), used)
    left = WIDTH - MARGIN - SHEET
    for (name, ids), height in zip(sheets, heights, strict=True):
        said = f"{name} ({len(ids):,})"
        label(figure, left, top - 0.07, said, ha="left", va="bottom")
        if len(ids):
            show_picture(panel(figure, left, top, SHEET, height), _sheet(tiles[ids], columns))
        top += height + 0.38
    return figure


def nearest_codes_figure(
    tiles: Float[Tensor, "codes 3 side side"],
    nearest: NearestCodes,
    ids: Sequence[int],
    unit: str = "L2",
    title: str = "",
) -> Figure:
    """Some codes, each with its nearest others, their ids and distances.

    Args:
        ids: of the codes to show.
        unit: of the distances.
    """
    num_near = nearest.ids.shape[1]
    wide = 0.5 + (num_near + 1) * (TILE + GAP) + 0.3
    columns = max(1, min(len(ids), int((WIDTH - 2 * MARGIN) / wide)))
    top, tall = MARGIN + 0.72, TILE + 0.4
    figure = new_figure(WIDTH, top + -(-len(ids) // columns) * tall + MARGIN / 2)
    heading = title or "Codes and their nearest neighbours"
    label(figure, MARGIN, MARGIN, heading, fontsize=LARGE, ha="left", weight="bold")
    note = f"under each: its id, and its distance ({unit}) from the first of the row"
    label(figure, MARGIN, MARGIN + 0.27, note, ha="left", color=MUTED)
    for index, code in enumerate(ids):
        left = MARGIN + index % columns * wide
        row_top = top + index // columns * tall
        near = zip(nearest.ids[code].tolist(), nearest.distances[code].tolist(), strict=True)
        shown = [(code, ""), *((other, f"{distance:.2f}") for other, distance in near)]
        for place, (other, said) in enumerate(shown):
            start = left + place * (TILE + GAP) + (0.12 if place else 0)
            show_picture(panel(figure, start, row_top, TILE, TILE), _pixels(tiles[other]))
            style = {"fontsize": SMALL - 1, "color": MUTED, "linespacing": 1.05}
            text = f"{other}\n{said}"
            label(figure, start + TILE / 2, row_top + TILE + 0.03, text, **style)
    return figure


def _draw_counts(axes: Axes, used: Usage) -> None:
    counts = used.counts.sort(descending=True).values.numpy()
    shown = counts[counts > 0] / counts.sum()
    axes.plot(np.arange(1, len(shown) + 1), shown, color=PALETTE[0], linewidth=1.6)
    axes.set_yscale("log")
    axes.minorticks_off()
    axes.set_xlim(0, len(counts))
    axes.axhline(1 / len(counts), color=MUTED, linewidth=0.8, linestyle=":")
    title = f"perplexity {used.perplexity:.3g} of {len(counts):,}"
    axes.set_title(title, fontsize=NORMAL, loc="left", color=INK, pad=6)
    axes.set_xlabel("codes, most frequent first\n(dotted: all alike)")
    axes.set_ylabel("share of the tokens")
    light(axes)


def _sheet(
    tiles: Float[Tensor, "some 3 side side"], columns: int
) -> Float[np.ndarray, "height width 3"]:
    """All tiles in one picture, row by row, with white lines between them and white at the end."""
    side = tiles.shape[-1]
    line = max(1, side // 8)
    rows = -(-len(tiles) // columns)
    sheet = np.ones((rows * (side + line) - line, columns * (side + line) - line, 3))
    for index, tile in enumerate(tiles):
        row, column = (place * (side + line) for place in divmod(index, columns))
        sheet[row : row + side, column : column + side] = _pixels(tile)
    return sheet


def _pixels(tile: Float[Tensor, "3 side side"]) -> Float[np.ndarray, "side side 3"]:
    return tile.permute(1, 2, 0).nan_to_num(UNSEEN).to(torch.float32).numpy()


def tiles_in_line(
    tiles: Float[Tensor, "codes 3 side side"], ids: Int[Tensor, " some"]
) -> Float[np.ndarray, "side length 3"]:
    """Some codes' tiles from left to right, without gaps: the axis of a table."""
    return np.concatenate([_pixels(tile) for tile in tiles[ids]], axis=1)
