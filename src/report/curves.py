"""Training curves: what a run logged, against its steps."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from src.errors import UserError
from src.report.look import (
    INK,
    LARGE,
    MARGIN,
    NORMAL,
    PALETTE,
    label,
    light,
    new_figure,
    panel,
)

WIDTH, HEIGHT, GAP = 3.1, 1.75, 0.75  # of one panel, inches
AXIS = 0.5  # room for its numbers
COLUMNS = 3
MOST_AVERAGED = 21  # neighbouring values in the bold line; a tenth of all where they are few


class Curve(NamedTuple):
    """One logged quantity; steps ascend."""

    steps: np.ndarray
    values: np.ndarray


def read_curves(paths: Sequence[Path]) -> dict[str, Curve]:
    """All quantities of Lightning's `metrics.csv` files, by name.

    Several files are the pieces of one resumed run; where pieces overlap, the later file counts.

    Raises:
        UserError: a file that is missing or no table of steps.
    """
    found: dict[str, dict[int, float]] = {}
    for path in paths:
        try:
            with open(path, newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    step = int(row.pop("step"))
                    row.pop("epoch", None)
                    for name, value in row.items():
                        if value:
                            found.setdefault(name, {})[step] = float(value)
        except (OSError, KeyError, ValueError) as error:
            raise UserError(f"{path} is no table of logged steps ({error}).") from error
    return {
        name: Curve(np.array(sorted(points)), np.array([points[step] for step in sorted(points)]))
        for name, points in sorted(found.items())
    }


def training_curves(curves: Mapping[str, Curve], title: str = "") -> Figure:
    """A panel for every quantity: all values faint, their running mean bold, the last one named.

    Raises:
        ValueError: no curves.
    """
    if not curves:
        raise ValueError("there are no curves to draw")
    columns = min(COLUMNS, len(curves))
    rows = -(-len(curves) // columns)
    top = MARGIN + (0.4 if title else 0.1)
    width = 2 * MARGIN + columns * (AXIS + WIDTH + 0.3)
    figure = new_figure(width, top + rows * (HEIGHT + GAP) + MARGIN / 2)
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    for index, (name, curve) in enumerate(curves.items()):
        left = MARGIN + AXIS + index % columns * (AXIS + WIDTH + 0.3)
        axes = panel(figure, left, top + 0.25 + index // columns * (HEIGHT + GAP), WIDTH, HEIGHT)
        _draw(axes, name, curve, PALETTE[index % len(PALETTE)])
    return figure


def running_mean(values: np.ndarray, num_averaged: int) -> np.ndarray:
    """Mean over the neighbours of each value; at both ends over as many as there are."""
    window = np.ones(min(num_averaged, len(values)))
    return np.convolve(values, window, "same") / np.convolve(np.ones(len(values)), window, "same")


def _draw(axes: Axes, name: str, curve: Curve, color: str) -> None:
    num_averaged = min(MOST_AVERAGED, 1 + len(curve.values) // 10)
    smooth = running_mean(curve.values, num_averaged)
    axes.plot(curve.steps, curve.values, color=color, alpha=0.25, linewidth=0.8)
    axes.plot(curve.steps, smooth, color=color, linewidth=1.6)
    axes.plot(curve.steps[-1:], smooth[-1:], "o", color=color, markersize=3.5, clip_on=False)
    axes.set_title(name.replace("_", " "), fontsize=NORMAL, loc="left", color=INK, pad=7)
    axes.set_title(f"{smooth[-1]:.4g}", fontsize=NORMAL, loc="right", color=color, pad=7)
    axes.set_xlabel("step")
    _frame(axes, smooth)


def _frame(axes: Axes, smooth: np.ndarray) -> None:
    """Light axes from step 0 on; logarithmic where the first steps would flatten all the rest."""
    if smooth.min() > 0 and smooth[0] > 30 * smooth[-1]:
        axes.set_yscale("log")
        axes.minorticks_off()
    axes.set_xlim(0, None)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    light(axes)
