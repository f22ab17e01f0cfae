"""A number at every position of a token grid, on a scale that is drawn beside it.

Dimensions: height, width (in tokens). Row 0 is on top, as in the picture.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colorbar import ColorbarBase
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator

from src.report.look import INK, LINE, MUTED, NORMAL, SMALL, bare, label, panel

NOTHING = "#c9ced6"  # where there is no number; in none of the colour maps
BAR, BAR_GAP, BAR_ROOM = 0.11, 0.07, 0.66  # inches; the room is for the numbers and the unit too


class Scale(NamedTuple):
    """What the colours of a map mean."""

    colors: str
    low: float
    high: float
    unit: str
    ticks: tuple[float, ...] | None = None  # None = a few round numbers
    extend: str = "neither"  # or "both", "max": ends beyond which values lie, drawn as arrows


def draw_map(
    axes: Axes,
    values: Float[np.ndarray, "height width"],
    scale: Scale,
    is_shown: Bool[np.ndarray, "height width"] | None = None,
    is_hidden: Bool[np.ndarray, "height width"] | None = None,
) -> None:
    """A map; flat grey where not shown or NaN, hatched where the position stays hidden."""
    is_missing = np.isnan(values) if is_shown is None else ~is_shown | np.isnan(values)
    axes.set_facecolor(NOTHING)
    norm = Normalize(scale.low, scale.high)
    shown = np.ma.masked_where(is_missing, values)
    axes.imshow(shown, cmap=colormaps[scale.colors], norm=norm, interpolation="nearest")
    if is_hidden is not None:
        hatch = "/" * min(12, max(3, 3 * len(values) // 4))  # lines, not a wash, on small cells
        style = {"hatch": hatch, "edgecolor": (0.75, 0.75, 0.75, 0.7), "linewidth": 0}
        outline(axes, is_hidden, 0.5, **style)
    bare(axes)


def outline(axes: Axes, is_chosen: Bool[np.ndarray, "height width"], half: float, **style) -> None:
    """A square of 2 x `half` cells around each chosen cell's centre, all as one patch."""
    corners = half * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)])
    squares = [Path(corners + place[::-1], closed=True) for place in np.argwhere(is_chosen)]
    if squares:
        axes.add_patch(
            PathPatch(Path.make_compound_path(*squares), **{"facecolor": "none", **style})
        )


def draw_bar(figure: Figure, left: float, top: float, height: float, scale: Scale) -> None:
    """The scale, as a bar with its unit; the place is in inches from the upper left corner."""
    axes = panel(figure, left, top, BAR, height)
    ticks = MaxNLocator(3) if scale.ticks is None else list(scale.ticks)
    norm = Normalize(scale.low, scale.high)
    style = {"ticks": ticks, "extend": scale.extend}
    bar = ColorbarBase(axes, cmap=colormaps[scale.colors], norm=norm, **style)
    bar.ax.tick_params(labelsize=SMALL, length=2, color=LINE, labelcolor=INK)
    bar.ax.minorticks_off()
    bar.outline.set_edgecolor(LINE)
    style = {"rotation": 90, "va": "center", "ha": "right", "color": MUTED, "fontsize": SMALL}
    label(figure, left + BAR_ROOM - BAR_GAP, top + height / 2, scale.unit, **style)


def titled_map(
    figure: Figure,
    left: float,
    top: float,
    side: float,
    values: Float[np.ndarray, "height width"],
    scale: Scale,
    title: str,
    is_shown: Bool[np.ndarray, "height width"] | None = None,
) -> Axes:
    """A map of `side` inches under its title, with its bar on the right."""
    label(figure, left, top - 0.07, title, ha="left", va="bottom", fontsize=NORMAL)
    axes = panel(figure, left, top, side, side)
    draw_map(axes, values, scale, is_shown)
    draw_bar(figure, left + side + BAR_GAP, top, side, scale)
    return axes


def nats_up_to(values: Float[np.ndarray, "*any"], least: float = 0.1) -> float:
    """The end of a scale from 0 that holds all the values: the next of 1, 2, 5, 10 ..."""
    highest = max(least, float(np.nanmax(values, initial=0.0)))
    power = 10.0 ** np.floor(np.log10(highest))
    return float(next(step * power for step in (1, 2, 5, 10) if highest <= step * power * 1.0001))
