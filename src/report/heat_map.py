"""Two factors at once: a number in every field of a grid, with its interval written below."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from src.report.look import (
    CONFIDENCE_COLORS,
    INK,
    LARGE,
    MARGIN,
    MUTED,
    NORMAL,
    PAPER,
    SMALL,
    bare,
    label,
    new_figure,
    panel,
)
from src.report.sweep_table import Row, shown_value

FIELD_WIDTH, FIELD_HEIGHT = 1.15, 0.55  # inches
MOST_LETTERS = 16  # of a name in one line
NAMES = 0.9  # room for the row names


def heat_map(rows: Sequence[Row], name: str, title: str) -> Figure:
    """The number of that name, the first factor across and the second one down.

    Raises:
        ValueError: not two factors.
    """
    if not rows or len(rows[0].factors) != 2:
        raise ValueError("a heat map is of two factors")
    across, down = rows[0].factors
    columns = list(dict.fromkeys(row.factors[across] for row in rows))
    lines = list(dict.fromkeys(row.factors[down] for row in rows))
    shown = np.full((len(lines), len(columns)), np.nan)
    figure, axes = _grid(len(columns), len(lines), title)
    first = rows[0].measurement(name)
    for row in rows:
        shown[lines.index(row.factors[down]), columns.index(row.factors[across])] = row.measurement(
            name
        ).value
    colors = colormaps[CONFIDENCE_COLORS if first.is_higher_better else f"{CONFIDENCE_COLORS}_r"]
    image = axes.imshow(shown, cmap=colors, aspect="auto")
    for row in rows:
        found = row.measurement(name)
        place = columns.index(row.factors[across]), lines.index(row.factors[down])
        red, green, blue, _ = colors(image.norm(found.value))
        is_dark = 0.3 * red + 0.59 * green + 0.11 * blue < 0.5
        axes.text(
            *place,
            found.text.replace(" (", "\n("),
            fontsize=SMALL,
            color=PAPER if is_dark else INK,
            ha="center",
            va="center",
        )
    bare(axes)
    for ticks, values in ((axes.set_xticks, columns), (axes.set_yticks, lines)):
        names = [_broken(shown_value(value)) for value in values]
        ticks(range(len(names)), names, fontsize=SMALL, color=MUTED)
    axes.tick_params(length=0)
    axes.set_xlabel(across, fontsize=SMALL, color=MUTED)
    axes.set_ylabel(down, fontsize=SMALL, color=MUTED)
    arrow = "↑" if first.is_higher_better else "↓"
    axes.set_title(f"{name} {arrow}", fontsize=NORMAL, loc="left", color=INK, pad=7)
    return figure


def _broken(name: str) -> str:
    """A long name in lines that a field has room for, broken where its words end."""
    spaced = name.replace("_", "_ ").replace("/", "/ ")
    lines = textwrap.wrap(spaced, MOST_LETTERS, break_long_words=False)
    return "\n".join(line.replace("_ ", "_").replace("/ ", "/") for line in lines)


def _grid(num_columns: int, num_lines: int, title: str):
    width, height = max(2, num_columns) * FIELD_WIDTH, num_lines * FIELD_HEIGHT
    top = MARGIN + 0.65
    figure = new_figure(2 * MARGIN + NAMES + width + 0.2, top + height + 0.9)
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    return figure, panel(figure, MARGIN + NAMES, top, width, height)
