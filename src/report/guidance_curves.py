"""What guidance does to every number, and what the gain in one costs in another."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from src.evaluation.measurement import Measurement
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
)

WIDTH, HEIGHT, GAP = 3.1, 2.2, 0.75  # of one panel, inches
AXIS = 0.5  # room for its numbers
ACROSS = 4  # panels side by side


def guidance_curves(found: Mapping[float, Sequence[Measurement]], title: str = "") -> Figure:
    """A panel for every number against guidance, and one for the first against the last.

    Args:
        found: the same numbers, in the same order, for every guidance.

    Raises:
        ValueError: no guidance, or other numbers at one than at another.
    """
    names = [[each.name for each in numbers] for numbers in found.values()]
    if not names or any(each != names[0] for each in names):
        raise ValueError("every guidance needs the same numbers, and there has to be one")
    columns = [list(column) for column in zip(*found.values(), strict=True)]
    num_panels = len(columns) + (len(columns) > 1)
    num_across, num_down = min(num_panels, ACROSS), math.ceil(num_panels / ACROSS)
    top = MARGIN + 0.65
    right = 2 * MARGIN + num_across * (AXIS + WIDTH + 0.3)
    figure = new_figure(right, top + num_down * (HEIGHT + GAP))
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    panels = []
    for place in range(num_panels):
        down, across = divmod(place, ACROSS)
        left = MARGIN + AXIS + across * (AXIS + WIDTH + 0.3)
        panels.append(panel(figure, left, top + down * (HEIGHT + GAP), WIDTH, HEIGHT))
    for place, (axes, numbers) in enumerate(zip(panels, columns, strict=False)):
        _draw(axes, list(found), numbers, PALETTE[place % len(PALETTE)])
    if len(columns) > 1:
        _draw_trade(panels[-1], list(found), columns[0], columns[-1])
    return figure


def _draw(axes: Axes, scales: list[float], numbers: list[Measurement], color: str) -> None:
    """One number with its interval; the best value filled."""
    values = [each.value for each in numbers]
    known = [place for place, each in enumerate(numbers) if each.low is not None]
    if len(known) == len(numbers):
        low, high = [each.low for each in numbers], [each.high for each in numbers]
        axes.fill_between(scales, low, high, color=color, alpha=0.15, linewidth=0)
    axes.plot(scales, values, "o-", color=color, markersize=4, markerfacecolor="white")
    best = (max if numbers[0].is_higher_better else min)(values)
    axes.plot([scales[values.index(best)]], [best], "o", color=color, markersize=6)
    arrow = "↑" if numbers[0].is_higher_better else "↓"
    axes.set_title(f"{numbers[0].name} {arrow}", fontsize=NORMAL, loc="left", color=INK, pad=7)
    axes.set_title(f"n = {numbers[0].samples}", fontsize=SMALL, loc="right", color=MUTED, pad=7)
    axes.set_xlabel("guidance")
    axes.set_xscale("log" if min(scales) > 0 else "linear")
    axes.set_xticks(scales, [f"{scale:g}" for scale in scales])
    axes.minorticks_off()
    light(axes)


def _draw_trade(
    axes: Axes, scales: list[float], across: list[Measurement], up: list[Measurement]
) -> None:
    """One number against another, from guidance to guidance."""
    x, y = [each.value for each in across], [each.value for each in up]
    axes.plot(x, y, "o-", color=PALETTE[3], markersize=4)
    for scale, *place in zip(scales, x, y, strict=True):
        axes.annotate(f"{scale:g}", place, (4, 4), textcoords="offset points", fontsize=SMALL)
    axes.set_title(f"{up[0].name} against {across[0].name}", fontsize=NORMAL, loc="left", pad=7)
    axes.set_xlabel(across[0].name)
    light(axes)
