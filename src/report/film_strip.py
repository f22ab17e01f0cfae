"""Rows of small pictures and maps, a column a step, as wide as a notebook.

Dimensions: steps.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from src.report.look import (
    LARGE,
    MARGIN,
    MUTED,
    SMALL,
    label,
    new_figure,
    panel,
    wrapped,
)
from src.report.token_map import BAR_GAP, BAR_ROOM, Scale, draw_bar

WIDTH = 9.0  # inches, unless there are too many steps for it
NAMES, GAP = 1.12, 0.05  # room for the rows' names; between the columns
SMALLEST, LARGEST = 0.42, 1.0  # of one map
HEAD, LINE_HEIGHT = 0.4, 0.22  # of the steps' numbers; of a line of the title


class StripRow(NamedTuple):
    """One row of a strip."""

    name: str
    explanation: str  # a few short lines
    draw: Callable[[Axes, int], None]  # the column of a step, counted from 0
    scale: Scale | None = None  # drawn beside the row


def film_strip(
    rows: Sequence[StripRow], heads: Sequence[str], title: str, note: str = ""
) -> Figure:
    """All rows under the heads of the steps.

    Args:
        heads: one a step, of one or two short lines.
        note: a line under the title.

    Raises:
        ValueError: no rows or no steps.
    """
    if not rows or not heads:
        raise ValueError("a film strip has at least one row and one step")
    room = WIDTH - 2 * MARGIN - NAMES - BAR_ROOM
    side = min(LARGEST, max(SMALLEST, room / len(heads) - GAP))
    inner = max(NAMES + len(heads) * (side + GAP) + BAR_ROOM, 6.0)
    text = wrapped(title, 0.9 * inner, fontsize=LARGE)
    top = MARGIN + LINE_HEIGHT * (text.count("\n") + 1 + (1 if note else 0)) + HEAD
    tall = max(side, 0.62)  # a row's name needs this much
    figure = new_figure(inner + 2 * MARGIN, top + len(rows) * (tall + GAP) + MARGIN)
    label(figure, MARGIN, MARGIN, text, fontsize=LARGE, ha="left", weight="bold")
    label(figure, MARGIN, top - HEAD - 0.06, note, color=MUTED, ha="left", va="bottom")
    for index, head in enumerate(heads):
        center = MARGIN + NAMES + index * (side + GAP) + side / 2
        small = SMALL if side > 0.6 else SMALL - 1.3
        label(figure, center, top - 0.05, head, va="bottom", fontsize=small, linespacing=1.1)
    for line, row in enumerate(rows):
        row_top = top + line * (tall + GAP)
        _name(figure, row_top + side / 2, row)
        for index in range(len(heads)):
            left = MARGIN + NAMES + index * (side + GAP)
            row.draw(panel(figure, left, row_top, side, side), index)
        if row.scale is not None:
            left = MARGIN + NAMES + len(heads) * (side + GAP) - GAP + BAR_GAP
            draw_bar(figure, left, row_top, side, row.scale)
    return figure


def _name(figure: Figure, middle: float, row: StripRow) -> None:
    right, half = MARGIN + NAMES - 0.12, 0.055 * (row.explanation.count("\n") + 1)
    label(figure, right, middle - half, row.name, ha="right", va="center", fontsize=8.5)
    style = {"ha": "right", "va": "top", "color": MUTED, "fontsize": 6.5, "linespacing": 1.15}
    label(figure, right, middle - half + 0.08, row.explanation, **style)
