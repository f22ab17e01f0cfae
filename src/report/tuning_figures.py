"""A search for a sampler as pictures: how far it came, and what it chose for every step."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
from src.sampler.plan import StepPlan

WIDTH, HEIGHT = 3.0, 2.1  # of one panel, inches
AXIS, GAP, TOP = 0.5, 0.75, 0.75  # room for numbers, between panels, above them
QUANTITIES = {  # of a step, by what stands above its panel
    "hidden share after the step": "ratio_after",
    "guidance scale": "guidance_scale",
    "choice temperature": "choice_temperature",
    "sampling temperature": "sampling_temperature",
}


def search_figure(best: Mapping[str, np.ndarray], title: str, measured_in: str) -> Figure:
    """The best value up to each trial, a line a search.

    best: by search, rising numbers from 0 to 1, one a trial; measured_in: what 100 times them is.
    """
    width = 2 * MARGIN + AXIS + 2 * WIDTH
    figure = new_figure(width, 2 * MARGIN + TOP + HEIGHT + 0.3)
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    axes = panel(figure, MARGIN + AXIS, MARGIN + TOP, width - 2 * MARGIN - AXIS, HEIGHT)
    for (name, values), color in zip(best.items(), PALETTE, strict=False):
        trials = np.arange(1, len(values) + 1)
        axes.step(trials, 100 * values, where="post", color=color, linewidth=1.4, label=name)
    count = len(next(iter(best.values())))
    _name(axes, f"best value so far, {measured_in}", f"n = {count} trials each")
    axes.set_xlabel("trial")
    axes.legend(fontsize=SMALL, frameon=False, labelcolor=INK, loc="lower right")
    light(axes)
    return figure


def curves_figure(plans: Mapping[str, Sequence[StepPlan]], title: str) -> Figure:
    """What each step follows, a line a sampler; steps of different numbers share one axis."""
    width = 2 * MARGIN + 2 * (AXIS + WIDTH) + GAP - AXIS
    figure = new_figure(width, 2 * MARGIN + TOP + 2 * HEIGHT + GAP + 0.3)
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    for place, (name, field) in enumerate(QUANTITIES.items()):
        down, across = divmod(place, 2)
        left = MARGIN + AXIS + across * (WIDTH + GAP)
        axes = panel(figure, left, MARGIN + TOP + down * (HEIGHT + GAP), WIDTH, HEIGHT)
        for (sampler, plan), color in zip(plans.items(), PALETTE, strict=False):
            progress = [step.progress for step in plan]
            values = [getattr(step, field) for step in plan]
            look = {"color": color, "linewidth": 1.3, "markersize": 3.5}
            axes.plot(progress, values, "o-", label=f"{sampler}, {len(plan)} steps", **look)
        _name(axes, name)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("share of the steps done" if down else "")
        light(axes)
    handles, labels = axes.get_legend_handles_labels()
    look = {"fontsize": SMALL, "frameon": False, "labelcolor": INK}
    figure.legend(handles, labels, loc="upper right", ncols=len(labels), **look)
    return figure


def _name(axes: Axes, text: str, count: str = "") -> None:
    axes.set_title(text, fontsize=NORMAL, loc="left", color=INK, pad=7)
    axes.set_title(count, fontsize=SMALL, loc="right", color=MUTED, pad=7)
