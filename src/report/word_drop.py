"""What each word did to each token, over the grid, and in all.

Dimensions: groups (of words dropped together), height, width (in tokens).
"""

import numpy as np
from matplotlib.figure import Figure

from src.interpret.word_drop import WordDrop
from src.interpret.word_maps import numbered
from src.report.grid import Picture
from src.report.look import (
    INK,
    LARGE,
    MARGIN,
    MUTED,
    NORMAL,
    SIGNED_COLORS,
    SMALL,
    label,
    light,
    new_figure,
    panel,
    show_picture,
    wrapped,
)
from src.report.token_map import BAR_ROOM, Scale, draw_bar, draw_map, nats_up_to

TILE, GAP, NAME = 1.02, 0.14, 0.2  # inches
COLUMNS = 7
BARS = 1.4  # height
FOR, AGAINST = "#b2182b", "#2166ac"  # the ends of SIGNED_COLORS


def word_drop_figure(picture: Picture, drop: WordDrop, title: str = "") -> Figure:
    """A tile a group of words: the change at each hidden token; below, the mean over all of them.

    Flat grey where the token was never hidden. Red: without the word, the code is less likely.
    """
    names = numbered(drop.names)
    values, is_hidden = drop.total.numpy(), drop.is_hidden.any(dim=0).numpy()
    end = nats_up_to(np.abs(values))
    scale = Scale(SIGNED_COLORS, -end, end, "nats", (-end, 0, end))
    columns = min(COLUMNS, len(names) + 1)
    rows = -(-(len(names) + 1) // columns)
    title = wrapped(title or drop.words.prompt, 7.5, fontsize=LARGE)
    top = MARGIN + 0.2 * (title.count("\n") + 1) + 0.4
    tiles = rows * (TILE + GAP + NAME)
    inner = COLUMNS * (TILE + GAP) + BAR_ROOM
    figure = new_figure(inner + 2 * MARGIN, top + tiles + BARS + 1.15)
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    note = "log-probability of the code with all words, less that without the named"
    label(figure, MARGIN, top - 0.28, note, ha="left", color=MUTED)
    for place, name in enumerate(["the picture", *names]):
        left = MARGIN + place % columns * (TILE + GAP)
        row_top = top + NAME + place // columns * (TILE + GAP + NAME)
        style = {"va": "bottom", "fontsize": NORMAL, "color": MUTED if place == 0 else INK}
        label(figure, left + TILE / 2, row_top - 0.05, name, **style)
        axes = panel(figure, left, row_top, TILE, TILE)
        if place == 0:
            show_picture(axes, picture)
        else:
            draw_map(axes, values[place - 1], scale, is_hidden)
    draw_bar(figure, MARGIN + columns * (TILE + GAP), top + NAME, TILE, scale)
    _effects(figure, drop, names, MARGIN + 0.5, top + tiles + 0.3, inner - 0.5)
    return figure


def _effects(
    figure: Figure, drop: WordDrop, names: list[str], left: float, top: float, width: float
) -> None:
    axes = panel(figure, left, top, min(width, 0.6 * len(names) + 0.5), BARS)
    effects = drop.effects.tolist()
    light(axes)
    axes.grid(axis="x", visible=False)
    axes.bar(range(len(names)), effects, color=[FOR if e > 0 else AGAINST for e in effects])
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right")
    axes.tick_params(axis="x", length=0, labelsize=SMALL, labelcolor=INK)
    axes.set_ylabel("nats a hidden token")
