"""How a cost grows, a panel a factor: measured, the floor, and what in proportion would be."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from src.evaluation.measurement import Measurement
from src.evaluation.scaling import Growth
from src.report.look import (
    INK,
    LARGE,
    LINE,
    MARGIN,
    MUTED,
    NORMAL,
    PALETTE,
    SMALL,
    label,
    light,
    new_figure,
    panel,
    wrapped,
)

WIDTH, HEIGHT, AXIS, GAP, BELOW = 2.75, 2.2, 0.55, 0.35, 0.95  # inches
COLUMNS = 2
DECADES = tuple(10.0**power for power in range(-6, 6))


def scaling_figure(growths: Sequence[Growth], slopes: Sequence[Measurement]) -> Figure:
    """Seconds against each factor, both logarithmic, with the slope fitted."""
    rows = -(-len(growths) // COLUMNS)
    top, step = MARGIN + 0.85, AXIS + WIDTH + GAP
    figure = new_figure(2 * MARGIN + COLUMNS * step, top + rows * (HEIGHT + BELOW) + MARGIN)
    title = "Seconds of a generation as it grows"
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    said = (
        "points: measured, medians; dashed: the floor of arithmetic and memory; grey: in proportion"
    )
    label(figure, MARGIN, MARGIN + 0.26, said, fontsize=SMALL, ha="left", color=MUTED)
    for index, (growth, found) in enumerate(zip(growths, slopes, strict=True)):
        left = MARGIN + AXIS + index % COLUMNS * step
        place = top + index // COLUMNS * (HEIGHT + BELOW)
        _draw(panel(figure, left, place, WIDTH, HEIGHT), growth, found)
        told = wrapped(growth.about, WIDTH + 0.3, 2)
        label(figure, left, place + HEIGHT + 0.36, told, fontsize=SMALL, ha="left", color=MUTED)
    return figure


def _draw(axes: Axes, growth: Growth, found: Measurement) -> None:
    values = np.array(list(growth.seconds), dtype=float)
    medians = np.array([np.median(each) for each in growth.seconds.values()])
    spread = np.array([[each.min(), each.max()] for each in growth.seconds.values()])
    floors = np.array([growth.floors[value] for value in growth.seconds])
    axes.plot(values, medians[0] * values / values[0], color=LINE, linewidth=3.0)
    axes.plot(values, floors, "--", color=PALETTE[1], linewidth=1.2)
    axes.vlines(values, *spread.T, color=PALETTE[0], alpha=0.45, linewidth=2.2)
    axes.plot(values, medians, "o-", color=PALETTE[0], markersize=4, linewidth=1.2)
    axes.annotate(
        f"{medians[-1] / floors[-1]:.1f} times the floor",
        (values[-1], floors[-1]),
        (0, -10),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=SMALL,
        color=PALETTE[1],
    )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(values, [_shown(growth.factor, value) for value in values])
    lowest, highest = axes.get_ylim()
    axes.set_ylim(lowest / 2, highest)
    ticks = [tick for tick in DECADES if lowest / 2 <= tick <= highest]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_title(growth.factor, fontsize=NORMAL, loc="left", color=INK, pad=7)
    told = f"slope {found.value:.2f} ({found.low:.2f} to {found.high:.2f})"
    axes.set_title(told, fontsize=SMALL, loc="right", color=PALETTE[0], pad=7)
    axes.set_ylabel("seconds")
    light(axes)


def _shown(factor: str, value: float) -> str:
    """A value as its axis names it: pixels by the side that they are the square of."""
    side = round(value**0.5)
    return f"{side} x {side}" if factor == "pixels" else f"{value:g}"
