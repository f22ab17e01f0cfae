"""Which places end up in which: the rollout of some places, layer by layer.

Dimensions: layers, height, width (of the transformer's grid).
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from src.interpret.rollout import Rollout
from src.report.grid import Picture
from src.report.look import (
    INK,
    LARGE,
    MARGIN,
    MUTED,
    READING_COLORS,
    SMALL,
    label,
    new_figure,
    panel,
    show_picture,
    wrapped,
)
from src.report.token_map import BAR_ROOM, Scale, draw_bar, draw_map, nats_up_to, outline

SIDE, GAP = 1.05, 0.1  # inches
MOST_LAYERS = 6  # columns; of more, as many spread from the first to the last
NAMES = 0.75


def rollout_figure(
    picture: Picture, found: Rollout, places: Sequence[tuple[int, int]], title: str = ""
) -> Figure:
    """A row a place that reads, framed; a column a layer, up to which the reading is followed.

    A place keeps 0.5 of itself in every layer by definition; beyond the end of the scale, where it
    does, the darkest colour.
    Args:
        places: (row, column) on the transformer's grid.

    Raises:
        ValueError: no place, or one outside the grid.
    """
    height, width = found.grid
    if not places or not all(0 <= row < height and 0 <= col < width for row, col in places):
        raise ValueError(f"{list(places)} are no places of a grid of {height} x {width}")
    through = found.through.numpy()
    layers = np.unique(np.linspace(0, len(through) - 1, MOST_LAYERS).round().astype(int))
    chosen = through[:, [row * width + col for row, col in places]]
    scale = _scale(chosen, [row * width + col for row, col in places])
    title = wrapped(title or "Attention rollout", 7.5, fontsize=LARGE)
    top = MARGIN + 0.2 * (title.count("\n") + 1) + 0.42
    inner = NAMES + (len(layers) + 1) * (SIDE + GAP) + BAR_ROOM
    figure = new_figure(inner + 2 * MARGIN, top + len(places) * (SIDE + GAP) + MARGIN)
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    heads = ["the picture", *(f"layers 0 to {layer}" for layer in layers)]
    for column, head in enumerate(heads):
        middle = MARGIN + NAMES + column * (SIDE + GAP) + SIDE / 2
        label(figure, middle, top - 0.06, head, va="bottom", fontsize=SMALL)
    for index, (row, col) in enumerate(places):
        row_top = top + index * (SIDE + GAP)
        name = f"row {row},\ncolumn {col}"
        style = {"ha": "right", "va": "center", "color": MUTED, "fontsize": SMALL}
        label(figure, MARGIN + NAMES - 0.1, row_top + SIDE / 2, name, **style)
        show_picture(panel(figure, MARGIN + NAMES, row_top, SIDE, SIDE), picture)
        for column, layer in enumerate(layers, start=1):
            left = MARGIN + NAMES + column * (SIDE + GAP)
            axes = panel(figure, left, row_top, SIDE, SIDE)
            draw_map(axes, chosen[layer, index].reshape(height, width), scale)
            is_reader = np.zeros((height, width), dtype=bool)
            is_reader[row, col] = True
            outline(axes, is_reader, 0.46, edgecolor=INK, linewidth=1.0)
    draw_bar(figure, MARGIN + NAMES + len(heads) * (SIDE + GAP), top, SIDE, scale)
    return figure


def _scale(chosen: np.ndarray, own: list[int]) -> Scale:
    """Up to what is read of others."""
    others = chosen.copy()
    others[:, range(len(own)), own] = 0.0
    end = min(1.0, nats_up_to(others, 0.01))
    return Scale(READING_COLORS, 0.0, end, "share", (0.0, end / 2, end))
