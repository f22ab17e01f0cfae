"""What is read of each word, over the picture; and how much of all reading goes to what.

Dimensions: words, rows (steps or sites), height, width (in tokens).
All maps of a figure have one scale. A bar a word says its whole share, padding, begin and end too.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from src.interpret.word_maps import WordMaps, numbered
from src.report.grid import Picture
from src.report.look import (
    INK,
    LARGE,
    MARGIN,
    MUTED,
    NORMAL,
    PALETTE,
    READING_COLORS,
    SMALL,
    label,
    light,
    new_figure,
    panel,
    show_picture,
    wrapped,
)
from src.report.token_map import BAR_ROOM, Scale, draw_bar, draw_map

TILE, GAP, NAME = 1.02, 0.14, 0.2  # inches
COLUMNS = 7
SHARES = 1.5  # height of the bars
OVER = 0.72  # how much of the picture a map covers
ENDS = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)
LEAST = 0.01  # the smallest end of a scale of shares
WORD_COLOR, AROUND_COLOR = PALETTE[1], PALETTE[5]


def word_overlays(picture: Picture, maps: WordMaps, title: str = "") -> Figure:
    """A tile a word: its map over the picture; below, the share of all attention of each word.

    Args:
        maps: `word_maps` of one grid, without steps or sites.
    """
    names = numbered(maps.words.texts)
    values = maps.maps.numpy()
    scale = share_scale(values)
    columns = min(COLUMNS, len(names) + 1)
    rows = -(-(len(names) + 1) // columns)
    title, note = wrapped(title or maps.words.prompt, 7.5, fontsize=LARGE), "share of attention"
    top = MARGIN + 0.2 * (title.count("\n") + 1) + 0.15
    tiles = rows * (TILE + GAP + NAME)
    inner = COLUMNS * (TILE + GAP) + BAR_ROOM
    figure = new_figure(inner + 2 * MARGIN, top + tiles + SHARES + 1.1)
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    for place, name in enumerate(["the picture", *names]):
        left = MARGIN + place % columns * (TILE + GAP)
        row_top = top + NAME + place // columns * (TILE + GAP + NAME)
        style = {"va": "bottom", "fontsize": NORMAL, "color": MUTED if place == 0 else INK}
        label(figure, left + TILE / 2, row_top - 0.05, name, **style)
        axes = panel(figure, left, row_top, TILE, TILE)
        if place == 0:
            show_picture(axes, picture)
        else:
            overlay(axes, picture, values[place - 1], scale)
    draw_bar(figure, MARGIN + columns * (TILE + GAP), top + NAME, TILE, scale)
    _shares(figure, maps, MARGIN + 0.5, top + tiles + 0.3, inner - 0.5, note)
    return figure


def word_rows(maps: WordMaps, row_names: Sequence[str], title: str = "") -> Figure:
    """A row a step or a site, a column a word, and the begin, the end and the padding.

    Args:
        maps: `word_maps` of grids behind each other: "words rows height width".

    Raises:
        ValueError: not one name a row.
    """
    if maps.maps.ndim != 4 or maps.maps.shape[1] != len(row_names):
        raise ValueError(f"{len(row_names)} names for maps of shape {tuple(maps.maps.shape)}")
    around = {"(begin)": maps.begin, "(end)": maps.end, "(padding)": maps.padding}
    columns = [*zip(numbered(maps.words.texts), maps.maps.numpy(), strict=True)]
    columns += [(name, each.numpy()) for name, each in around.items()]
    scale = share_scale(maps.maps.numpy())
    names = 0.2 + 0.068 * max(map(len, row_names))
    side = float(np.clip((8.4 - names) / len(columns) - 0.05, 0.3, TILE))
    title = wrapped(title or maps.words.prompt, 7.5, fontsize=LARGE)
    top = MARGIN + 0.2 * (title.count("\n") + 1) + 0.95
    width = 2 * MARGIN + names + len(columns) * (side + 0.05) + BAR_ROOM
    figure = new_figure(max(width, 6), top + len(row_names) * (side + 0.05) + MARGIN)
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    for column, (name, grids) in enumerate(columns):
        left = MARGIN + names + column * (side + 0.05)
        style = {"rotation": 60, "ha": "left", "va": "bottom", "fontsize": SMALL}
        label(figure, left + side / 3, top - 0.04, name, **style)
        for row, grid in enumerate(grids):
            draw_map(panel(figure, left, top + row * (side + 0.05), side, side), grid, scale)
    for row, name in enumerate(row_names):
        middle = top + row * (side + 0.05) + side / 2
        style = {"ha": "right", "va": "center", "fontsize": SMALL, "color": MUTED}
        label(figure, MARGIN + names - 0.08, middle, name, **style)
    high = min(max(1.2, side), len(row_names) * (side + 0.05))
    draw_bar(figure, width - MARGIN - BAR_ROOM + 0.05, top, high, scale)
    return figure


def share_scale(values: np.ndarray) -> Scale:
    """From 0 to the next number of few digits; what lies above, as padding may, is darkest."""
    highest = max(LEAST, float(values.max()))
    power = 10.0 ** np.floor(np.log10(highest))
    end = next(step * power for step in ENDS if highest <= step * power * 1.0001)
    return Scale(READING_COLORS, 0.0, min(float(end), 1.0), "share of attention")


def overlay(axes, picture: Picture, values: np.ndarray, scale: Scale) -> None:
    """A token map over the picture in grey, each cell as large as its token."""
    grey = Image.fromarray(np.asarray(picture)).convert("L").convert("RGB")
    height, width = values.shape
    box = (-0.5, width - 0.5, height - 0.5, -0.5)
    draw_map(axes, values, scale)
    axes.images[0].set_alpha(OVER)
    axes.imshow(grey, extent=box, interpolation="nearest", zorder=-1)
    axes.set_xlim(box[:2])
    axes.set_ylim(box[2:])


def _shares(
    figure: Figure, maps: WordMaps, left: float, top: float, width: float, unit: str
) -> None:
    axes = panel(figure, left, top, width, SHARES)
    shares = maps.shares
    colors = [AROUND_COLOR if name.startswith("(") else WORD_COLOR for name in shares]
    light(axes)
    axes.grid(axis="x", visible=False)
    bars = axes.bar(range(len(shares)), list(shares.values()), color=colors, width=0.72)
    texts = [f"{100 * share:.0f} %" if share >= 0.095 else "" for share in shares.values()]
    axes.bar_label(bars, texts, fontsize=SMALL, color=INK, padding=1)
    axes.set_xticks(range(len(shares)), list(shares), rotation=40, ha="right", color=INK)
    axes.tick_params(axis="x", length=0, labelsize=SMALL, labelcolor=INK)
    axes.set_xlim(-0.6, len(shares) - 0.4)
    axes.set_ylabel(f"{unit},\nmean over all tokens")
    axes.margins(y=0.14)
