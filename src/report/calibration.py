"""Stated against true: reliability diagrams, and where the distance between the two comes from.

Takes what `interpret.calibration` and `interpret.temperature` have computed.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter, PercentFormatter

from src.errors import UserError
from src.interpret.calibration import Calibration
from src.interpret.temperature import Recalibrated
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

SIDE, BARS = 1.75, 0.6  # of a diagram and of the counts below it, inches
AXIS, GAP, TOP = 0.5, 0.45, 0.8
COLUMNS = 4
WIDTH, HEIGHT = 2.35, 1.9  # of a panel of the errors
BEFORE, AFTER = PALETTE[0], PALETTE[1]
FLOOR = "#b9c0cb"


class Cell(NamedTuple):
    """One share hidden under one guidance."""

    mask_ratio: float  # 0..1
    guidance_scale: float
    result: Recalibrated


def reliability_figure(cells: Sequence[Cell], title: str = "Is it right as often as it says?"):
    """A diagram a cell, before and after its temperature; how many tokens lie where, beneath.

    On the diagonal, stated and true agree; below it the model is too sure. Raises UserError without
    cells.
    """
    _check(cells)
    columns = min(COLUMNS, len(cells))
    rows = -(-len(cells) // columns)
    high = SIDE + BARS + 0.75
    width = 2 * MARGIN + AXIS + columns * (SIDE + GAP) - GAP
    figure = new_figure(max(width, 6.0), 2 * MARGIN + TOP + rows * high - 0.3)
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    for place, cell in enumerate(cells):
        left = MARGIN + AXIS + place % columns * (SIDE + GAP)
        top = MARGIN + TOP + place // columns * high
        axes = panel(figure, left, top, SIDE, SIDE)
        counts = panel(figure, left, top + SIDE + 0.08, SIDE, BARS)
        draw_reliability(axes, cell)
        _draw_counts(counts, cell)
        if place % columns:
            axes.set_ylabel("")
            counts.set_ylabel("")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    _legend(figure, handles, labels)
    return figure


def draw_reliability(axes: Axes, cell: Cell) -> None:
    """One diagram: mean probability stated in a bin, share of it that was right."""
    temperature, before, after = cell.result
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
    _points(axes, before, BEFORE, "as the model says", "o")
    _points(axes, after, AFTER, "after its temperature", "s")
    said = f"T = {temperature.value:.2f}\nECE {before.ece:.1%} → {after.ece:.1%}"
    axes.text(0.04, 0.96, said, fontsize=SMALL, color=INK, va="top", transform=axes.transAxes)
    axes.set_title(_named(cell), fontsize=NORMAL, loc="left", color=INK, pad=7)
    axes.set_ylabel("share right")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    for each in (axes.xaxis, axes.yaxis):
        each.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
    axes.xaxis.set_major_formatter(NullFormatter())
    light(axes)


def errors_figure(cells: Sequence[Cell], mask_ratio: float) -> Figure:
    """ECE over the share hidden and over guidance, beside what chance alone shows; and the risk.

    mask_ratio: the share hidden at which guidances are compared.
    """
    _check(cells)
    by_ratio = sorted(cell for cell in cells if cell.guidance_scale == 1)
    by_scale = sorted(cell for cell in cells if cell.mask_ratio == mask_ratio)
    figure = new_figure(2 * MARGIN + 3 * (AXIS + WIDTH) + 2 * GAP, 2 * MARGIN + TOP + HEIGHT + 0.45)
    title = "How far stated and true lie apart"
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    lefts = [MARGIN + AXIS + place * (AXIS + WIDTH + GAP) for place in range(3)]
    left, middle, right = (panel(figure, x, MARGIN + TOP, WIDTH, HEIGHT) for x in lefts)
    _draw_errors(left, [cell.mask_ratio for cell in by_ratio], by_ratio)
    left.set(xlabel="share of tokens hidden", xlim=(0, 1.03))
    left.xaxis.set_major_formatter(PercentFormatter(1))
    left.set_title("guidance 1", fontsize=NORMAL, loc="left", color=INK, pad=7)
    _draw_errors(middle, [cell.guidance_scale for cell in by_scale], by_scale)
    middle.set_xlabel("guidance scale, 1 = off")
    middle.set_title(_share(mask_ratio), fontsize=NORMAL, loc="left", color=INK, pad=7)
    _draw_risk(right, by_scale)
    right.set_title(_share(mask_ratio), fontsize=NORMAL, loc="left", color=INK, pad=7)
    handles, labels = left.get_legend_handles_labels()
    _legend(figure, handles, labels)
    return figure


def _draw_errors(axes: Axes, places: Sequence[float], cells: Sequence[Cell]) -> None:
    """Two lines over the bands in which a calibrated model lies by chance."""
    results = [cell.result for cell in cells]
    by_scene = [100 * each.after.clustered_floor.high for each in results]
    by_token = [100 * each.after.floor.high for each in results]
    look = {"color": FLOOR, "linewidth": 0}
    axes.fill_between(
        places, 0, by_scene, alpha=0.35, label="chance, a scene's tokens together", **look
    )
    axes.fill_between(places, 0, by_token, alpha=0.75, label="chance, each token alone", **look)
    look = {"linewidth": 1.3, "markersize": 3.5}
    before = [100 * each.before.ece for each in results]
    after = [100 * each.after.ece for each in results]
    axes.plot(places, before, "o-", color=BEFORE, label="as the model says", **look)
    axes.plot(places, after, "s-", color=AFTER, label="after its temperature", **look)
    axes.set_ylabel("ECE, percentage points")
    axes.set_ylim(bottom=0)
    light(axes)


def _draw_risk(axes: Axes, cells: Sequence[Cell]) -> None:
    """How much of what is answered is wrong, the surest answered first; a line a guidance."""
    for cell, color in zip(cells, PALETTE, strict=False):
        curve = cell.result.before.coverage_risk
        axes.plot(
            100 * curve.coverage.numpy(),
            100 * curve.risk.numpy(),
            color=color,
            linewidth=1.2,
            label=f"{cell.guidance_scale:g}",
        )
    axes.set(xlim=(0, 100), xlabel="answered, the surest first, %", ylabel="wrong of those, %")
    axes.set_ylim(bottom=0)
    look = {"fontsize": SMALL, "title_fontsize": SMALL, "frameon": False, "labelcolor": INK}
    axes.legend(title="guidance", loc="upper left", handlelength=1.4, **look)
    light(axes)


def _points(axes: Axes, found: Calibration, color: str, name: str, marker: str) -> None:
    """A point a bin that holds anything, the larger the more of the tokens it holds."""
    share = found.bins.num_hidden.double().numpy() / found.num_hidden
    is_there = share > 0
    stated, true = (x.numpy()[is_there] for x in (found.bins.confidence, found.bins.accuracy))
    size = 6 + 60 * np.sqrt(share[is_there])
    axes.plot(stated, true, color=color, linewidth=1.0, alpha=0.7)
    axes.scatter(
        stated, true, s=size, color=color, marker=marker, label=name, zorder=3, clip_on=False
    )


def _draw_counts(axes: Axes, cell: Cell) -> None:
    """Tokens in each bin, on a logarithmic scale: most are in the last."""
    steps = {"linewidth": 1.1, "baseline": 0.5}
    for found, color in ((cell.result.before, BEFORE), (cell.result.after, AFTER)):
        edges = np.append(found.bins.low.numpy(), found.bins.high.numpy()[-1])
        axes.stairs(np.maximum(found.bins.num_hidden.numpy(), 0.5), edges, color=color, **steps)
    axes.set(yscale="log", xlim=(0, 1), ylim=(0.5, None))
    axes.set(xlabel="probability stated", ylabel="tokens")
    axes.xaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
    axes.minorticks_off()
    light(axes)


def _legend(figure: Figure, handles: Sequence, labels: Sequence[str]) -> None:
    width, height = figure.get_size_inches()
    figure.legend(
        handles,
        labels,
        loc="upper left",
        bbox_to_anchor=((MARGIN - 0.05) / width, 1 - (MARGIN + 0.2) / height),
        fontsize=SMALL,
        frameon=False,
        labelcolor=INK,
        ncols=len(labels),
        borderaxespad=0,
        borderpad=0.2,
    )


def _named(cell: Cell) -> str:
    return f"{_share(cell.mask_ratio)}, guidance {cell.guidance_scale:g}"


def _share(mask_ratio: float) -> str:
    return f"{100 * mask_ratio:g} % hidden"


def _check(cells: Sequence[Cell]) -> None:
    if not cells:
        raise UserError("there is no calibration to draw; give at least one cell.")
