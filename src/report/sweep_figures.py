"""What a sweep found: the measures against what was swept, and quality against its price."""

from collections.abc import Sequence
from itertools import cycle, product
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

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
from src.report.sweep_table import Row, numbers, shown_value

WIDTH, HEIGHT, GAP = 3.1, 2.2, 0.75  # of one panel, inches
MOST_LETTERS = 36  # of all names below an axis, side by side; more stand askew
LONGEST_NAME = 20  # letters of one of them; a longer one would leave the figure
SLANTED_LETTER = 0.03  # inches that one takes downwards
AXIS = 0.6  # room for its numbers
WIDE_RANGE = 8  # largest to smallest number, from which on an axis is logarithmic
DASHES, MARKERS = ("-", "--", ":"), ("o", "s", "^")  # once all colors are used, then all dashes
LOOKS = list(product(MARKERS, DASHES, PALETTE))
MOST_COLUMNS = 3  # of the legend
LEGEND_ROWS, LEGEND_ROW = 2, 0.16  # that fit beside the title; inches of each further one


class Line(NamedTuple):
    """The cells that differ in the first factor alone."""

    label: str  # the values of the other factors
    rows: list[Row]


def effect_curves(rows: Sequence[Row], names: Sequence[str], baseline: Row, title: str) -> Figure:
    """A panel for every number against the first factor, with intervals; the baseline ringed.

    Raises:
        ValueError: nothing was swept.
    """
    if not rows or not rows[0].factors:
        raise ValueError("nothing was swept, so there is no axis to draw against")
    lines = lines_of(rows)
    factor = next(iter(rows[0].factors))
    values = [shown_value(value) for value in dict.fromkeys(row.factors[factor] for row in rows)]
    longest = max(map(len, values))
    is_askew = sum(map(len, values)) > MOST_LETTERS or longest > LONGEST_NAME
    below = GAP + (longest * SLANTED_LETTER if is_askew else 0)
    num_columns = min((len(lines) + 1) // LEGEND_ROWS, MOST_COLUMNS)
    legend_rows = -(-len(lines) // max(1, num_columns))
    above = max(0, legend_rows - LEGEND_ROWS) * LEGEND_ROW
    figure, axes = _panels(len(names), title, below, above)
    for name, its_axes in zip(names, axes, strict=True):
        places, is_log = _places([row.factors[factor] for line in lines for row in line.rows])
        for line, look in zip(lines, cycle(LOOKS), strict=False):
            _draw_line(its_axes, line, factor, name, places, look)
        if any(baseline in line.rows for line in lines):
            found = baseline.measurement(name)
            its_axes.plot(
                [places[baseline.factors[factor]]],
                [_center(found)],
                **{"marker": "o", "markersize": 10, "markerfacecolor": "none"},
                **{"markeredgecolor": INK, "markeredgewidth": 0.9, "linestyle": "none"},
            )
        _name(its_axes, baseline.measurement(name))
        its_axes.set_xscale("log" if is_log else "linear")
        its_axes.set_xticks(list(places.values()), [shown_value(each) for each in places])
        if is_askew:
            its_axes.tick_params(axis="x", labelrotation=30)
            for each in its_axes.get_xticklabels():
                each.set(ha="right", rotation_mode="anchor")
        its_axes.minorticks_off()
        its_axes.set_xlabel(f"{factor}  (ringed: the baseline)")
        light(its_axes)
    if len(lines) > 1:
        handles, labels = axes[0].get_legend_handles_labels()
        look = {"fontsize": SMALL, "frameon": False, "labelcolor": INK}
        figure.legend(handles, labels, loc="upper right", ncols=num_columns, **look)
    return figure


def pareto(rows: Sequence[Row], name: str, costs: Sequence[str], title: str) -> Figure:
    """The number of that name against each price, with the front of what nothing dominates."""
    figure, axes = _panels(len(costs), title)
    for cost, its_axes in zip(costs, axes, strict=True):
        across = np.array([row.measurement(cost).value for row in rows])
        found = [row.measurement(name) for row in rows]
        up = np.array([_level(each, each.value) for each in found])
        best = front(across, up if found[0].is_higher_better else -up)
        _draw_intervals(its_axes, across, found, PALETTE[0])
        its_axes.plot(across[best], up[best], "-", color=PALETTE[1], linewidth=1.2, zorder=1)
        its_axes.plot(across, up, "o", color=PALETTE[0], markersize=4, markerfacecolor="white")
        its_axes.plot(across[best], up[best], "o", color=PALETTE[1], markersize=5)
        for place in best:  # the others would crowd
            its_axes.annotate(
                ", ".join(map(shown_value, rows[place].factors.values())),
                (across[place], up[place]),
                (4, -9),
                textcoords="offset points",
                fontsize=SMALL,
                color=MUTED,
            )
        _name(its_axes, found[0])
        its_axes.set_xlabel(f"{cost}  (red: nothing better is cheaper)")
        is_wide = across.min() > 0 and across.max() > WIDE_RANGE * across.min()
        if is_wide:
            its_axes.set_xscale("log")
            its_axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            its_axes.xaxis.set_major_formatter("{x:g}")
            its_axes.xaxis.set_minor_locator(NullLocator())
        light(its_axes)
    return figure


def front(costs: np.ndarray, values: np.ndarray) -> list[int]:
    """Places that no other one beats, cheaper or as cheap and better; by rising cost.

    Of equal ones the first stays.
    """
    order = np.lexsort((-values, costs))
    kept, highest = [], -np.inf
    for place in order:
        if values[place] > highest:
            kept.append(int(place))
            highest = values[place]
    return kept


def lines_of(rows: Sequence[Row]) -> list[Line]:
    """The rows sorted into lines by all factors but the first, in order of appearance."""
    first = next(iter(rows[0].factors))
    lines: dict[str, list[Row]] = {}
    for row in rows:
        others = {key: value for key, value in row.factors.items() if key != first}
        name = ", ".join(
            f"{key.rpartition('.')[2]}={shown_value(value)}" for key, value in others.items()
        )
        lines.setdefault(name, []).append(row)
    return [Line(name, own) for name, own in lines.items()]


def _places(values: Sequence[str]) -> tuple[dict[str, float], bool]:
    """Where each value stands on its axis: numbers as they are, words one after the other."""
    known = list(dict.fromkeys(values))
    found = numbers(known)
    if found is None:
        return {value: float(place) for place, value in enumerate(known)}, False
    ordered = dict(sorted(zip(known, found, strict=True), key=lambda pair: pair[1]))
    is_log = min(found) > 0 and max(found) > WIDE_RANGE * min(found)
    return ordered, is_log


def _draw_line(
    axes: Axes, line: Line, factor: str, name: str, places: dict[str, float], look: Sequence[str]
) -> None:
    marker, dashes, color = look
    rows = sorted(line.rows, key=lambda row: places[row.factors[factor]])
    across = np.array([places[row.factors[factor]] for row in rows])
    found = [row.measurement(name) for row in rows]
    is_ordered = numbers(list(places)) is not None
    _draw_intervals(axes, across, found, color)
    axes.plot(
        across,
        [_center(each) for each in found],
        marker=marker,
        linestyle=dashes if is_ordered else "none",
        color=color,
        markersize=4,
        markerfacecolor="white",
        linewidth=1.2,
        label=line.label,
    )


def _draw_intervals(
    axes: Axes, across: np.ndarray, found: Sequence[Measurement], color: str
) -> None:
    known = [(x, each) for x, each in zip(across, found, strict=True) if each.low is not None]
    if known:
        axes.vlines(
            [x for x, _ in known],
            [_level(each, each.low) for _, each in known],
            [_level(each, each.high) for _, each in known],
            color=color,
            alpha=0.45,
            linewidth=2.2,
        )


def _center(measurement: Measurement) -> float:
    """The value, or of a distance what remains without its bias: the middle of its interval."""
    return _level(measurement, max(0.0, measurement.value - (measurement.bias or 0.0)))


def _level(measurement: Measurement, value: float) -> float:
    return 100 * value if measurement.is_share else value


def _name(axes: Axes, measurement: Measurement) -> None:
    arrow = "↑" if measurement.is_higher_better else "↓"
    unit = ", %" if measurement.is_share else ""
    biased = " less its bias" if measurement.bias else ""
    axes.set_title(
        f"{measurement.name}{unit}{biased} {arrow}", fontsize=NORMAL, loc="left", color=INK, pad=7
    )
    axes.set_title(f"n = {measurement.samples}", fontsize=SMALL, loc="right", color=MUTED, pad=7)


def _panels(
    num_panels: int, title: str, below: float = GAP, above: float = 0.0
) -> tuple[Figure, list[Axes]]:
    """Panels side by side, with room below for the numbers and names of their axes."""
    top = MARGIN + 0.65 + above
    width = 2 * MARGIN + num_panels * (AXIS + WIDTH + 0.3)
    figure = new_figure(width, top + HEIGHT + below)
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    lefts = [MARGIN + AXIS + place * (AXIS + WIDTH + 0.3) for place in range(num_panels)]
    return figure, [panel(figure, left, top, WIDTH, HEIGHT) for left in lefts]
