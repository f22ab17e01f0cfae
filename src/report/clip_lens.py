"""Pictures from every depth of the text encoder.

Dimensions: parts (states, pooled vector, both), depths.
"""

from collections.abc import Sequence

from matplotlib.figure import Figure

from src.interpret.clip_lens import PARTS, ClipLens
from src.report.film_strip import WIDTH
from src.report.grid import Picture
from src.report.look import (
    LARGE,
    MARGIN,
    MUTED,
    NORMAL,
    SMALL,
    label,
    new_figure,
    panel,
    show_picture,
    wrapped,
)

NAMES, GAP, CAPTION = 1.3, 0.12, 0.24  # inches
SAID = {
    "states": "states of the\ndepth, pooled\nas ever",
    "pooled": "pooled of the\ndepth, states\nas ever",
    "both": "states and\npooled of the\ndepth",
}


def clip_lens_figure(
    pictures: Sequence[Sequence[Picture]], ordinary: Picture, lens: ClipLens, note: str = ""
) -> Figure:
    """A row a part, a column a depth, the ordinary picture last; below each what is changed.

    Args:
        pictures: `lens.token_ids` decoded: of every part its depths, in order.

    Raises:
        ValueError: not a picture a part and depth.
    """
    if [len(row) for row in pictures] != [len(lens.depths)] * len(PARTS):
        raise ValueError(f"give {len(PARTS)} rows of {len(lens.depths)} pictures")
    num_columns = len(lens.depths) + 1
    side = min(1.2, (WIDTH - 2 * MARGIN - NAMES) / num_columns - GAP)
    title = wrapped(lens.prompt, WIDTH - 2 * MARGIN, fontsize=LARGE)
    top = MARGIN + 0.22 * (title.count("\n") + 1) + (0.24 if note else 0) + 0.42
    width = max(2 * MARGIN + NAMES + num_columns * (side + GAP), 6.0)
    row_height = side + CAPTION + GAP
    figure = new_figure(width, top + len(PARTS) * row_height + MARGIN)
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    label(figure, MARGIN, top - 0.34, note, ha="left", va="bottom", color=MUTED)
    heads = [*(f"depth {depth}" for depth in lens.depths), "as ever"]
    for column, head in enumerate(heads):
        center = MARGIN + NAMES + column * (side + GAP) + side / 2
        label(figure, center, top - 0.06, head, va="bottom", fontsize=NORMAL)
    for row, part in enumerate(PARTS):
        row_top = top + row * row_height
        style = {"ha": "right", "va": "center", "fontsize": SMALL, "linespacing": 1.2}
        label(figure, MARGIN + NAMES - 0.12, row_top + side / 2, SAID[part], **style)
        for column, picture in enumerate(pictures[row]):
            left = MARGIN + NAMES + column * (side + GAP)
            show_picture(panel(figure, left, row_top, side, side), picture)
            told = f"{float(lens.changed[row, column]):.0%} changed"
            style = {"fontsize": SMALL, "color": MUTED}
            label(figure, left + side / 2, row_top + side + 0.05, told, **style)
    left = MARGIN + NAMES + len(lens.depths) * (side + GAP)
    show_picture(panel(figure, left, top, side, side), ordinary)
    return figure
