"""What size, crop and score do to a model's answers: the probe, the sweeps, the shares.

Takes what `interpret.micro_cond_probe`, `micro_cond_effect` and `micro_cond_path` have computed.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from src.errors import UserError
from src.interpret.micro_cond_effect import Interactions, Sweep
from src.interpret.micro_cond_path import Shares
from src.interpret.micro_cond_probe import NAMES
from src.report.look import (
    INK,
    LARGE,
    LINE,
    MARGIN,
    MUTED,
    NORMAL,
    PALETTE,
    SIGNED_COLORS,
    SMALL,
    label,
    light,
    new_figure,
    panel,
)

TOP = 0.75  # room for the title and the names above panels
UNITS = dict(zip(NAMES, ("pixels", "pixels", "pixels", "pixels", "score"), strict=True))
ROW = 0.42  # of the probe, inches


class Probed(NamedTuple):
    """One model's gain by the truth; nats a hidden token, with its interval."""

    group: str  # what was shuffled
    model: str
    mean: float
    low: float
    high: float


def probe_figure(rows: Sequence[Probed], title: str) -> Figure:
    """An interval a model and group; at 0, what the model is told makes no difference."""
    if not rows:
        raise UserError("there is no probe to draw; give at least one row.")
    groups = list(dict.fromkeys(row.group for row in rows))
    models = list(dict.fromkeys(row.model for row in rows))
    height = ROW * len(groups)
    figure = new_figure(7.2, 2 * MARGIN + TOP + height + 0.4)
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    axes = panel(figure, MARGIN + 1.2, MARGIN + TOP, 7.2 - 2 * MARGIN - 1.3, height)
    for model, color in zip(models, PALETTE, strict=False):
        own = [row for row in rows if row.model == model]
        shift = 0.24 * (models.index(model) - (len(models) - 1) / 2)
        places = [groups.index(row.group) + shift for row in own]
        means = [row.mean for row in own]
        ends = [[r.mean - r.low for r in own], [r.high - r.mean for r in own]]
        look = {"color": color, "capsize": 2.5, "linewidth": 1.4, "markersize": 4}
        axes.errorbar(means, places, xerr=ends, fmt="o", label=model, **look)
    axes.axvline(0, color=MUTED, linewidth=0.9)
    axes.set_yticks(range(len(groups)), groups)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.set_xlabel("gain by the truth over strangers' numbers, nats a hidden token, 95 % interval")
    look = {"fontsize": SMALL, "frameon": False, "labelcolor": INK, "ncols": len(models)}
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), **look)
    light(axes)
    return figure


def sweeps_figure(sweeps: Sequence[Sweep], title: str) -> Figure:
    """A panel a number: how far the answers move, a line a share hidden."""
    if not sweeps:
        raise UserError("there is no sweep to draw; give at least one.")
    wide, gap, axis = 1.45, 0.28, 0.45
    width = 2 * MARGIN + axis + len(sweeps) * (wide + gap) - gap
    figure = new_figure(max(width, 5.0), 2 * MARGIN + TOP + 0.2 + 1.7 + 0.4)
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    highest = max(float(each.divergence.max()) for each in sweeps)
    for place, each in enumerate(sweeps):
        left = MARGIN + axis + place * (wide + gap)
        axes = panel(figure, left, MARGIN + TOP + 0.2, wide, 1.7)
        for ratio, line, color in zip(each.mask_ratios, each.divergence, PALETTE, strict=False):
            name = f"{100 * ratio:.0f} % hidden"
            axes.plot(each.values, line.numpy(), "o-", color=color, label=name, ms=3, lw=1.2)
        axes.set_title(each.name.replace("_", " "), fontsize=NORMAL, loc="left", color=INK, pad=6)
        axes.set_xlabel(f"told, {UNITS[each.name]}")
        axes.set_ylim(0, 1.05 * highest or 1)
        if place:
            axes.tick_params(labelleft=False)
        else:
            axes.set_ylabel("KL(own || told), nats a token")
        light(axes)
    _legend(figure, *axes.get_legend_handles_labels())
    return figure


def shares_figure(traced: Shares, pairs: Interactions, title: str) -> Figure:
    """Each picture's attributions by number, and what two numbers do beyond each alone."""
    figure = new_figure(9.2, 2 * MARGIN + TOP + 2.5 + 0.6)
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    top = MARGIN + TOP
    _draw_shares(panel(figure, MARGIN + 1.1, top, 3.1, 2.5), traced)
    _draw_pairs(figure, panel(figure, MARGIN + 5.6, top, 2.5, 2.5), pairs)
    return figure


def _draw_shares(axes: Axes, traced: Shares) -> None:
    """A dot a picture, and the mean of all."""
    each = traced.each.numpy()
    spread = np.random.default_rng(0).uniform(-0.25, 0.25, len(each))  # so that dots part
    for place, color in zip(range(len(NAMES)), PALETTE, strict=False):
        axes.scatter(each[:, place], place + spread, s=7, color=color, alpha=0.45, linewidth=0)
        axes.plot([each[:, place].mean()] * 2, [place - 0.36, place + 0.36], color=INK, lw=1.6)
    axes.axvline(0, color=MUTED, linewidth=0.9)
    axes.set_yticks(range(len(NAMES)), [name.replace("_", " ") for name in NAMES])
    axes.set_ylim(len(NAMES) - 0.5, -0.5)
    axes.set_xlabel("attribution, nats a hidden token; bar: mean")
    said = f"integrated gradients, miss {100 * traced.completeness_error:.2g} %"
    axes.set_title(said, fontsize=NORMAL, loc="left", color=INK, pad=7)
    light(axes)


def _draw_pairs(figure: Figure, axes: Axes, pairs: Interactions) -> None:
    """The table of pairs; on its diagonal what each number does alone."""
    table = pairs.pairs.numpy() + np.diag(pairs.alone.numpy())
    largest = float(np.abs(table).max()) or 1.0
    colors = colormaps[SIGNED_COLORS]
    axes.imshow(table, cmap=SIGNED_COLORS, vmin=-largest, vmax=largest)
    names = [name.replace("_", "\n") for name in NAMES]
    for row in range(len(NAMES)):
        for column in range(len(NAMES)):
            value = table[row, column]
            red, green, blue, _ = colors(0.5 + value / largest / 2)
            is_dark = 0.3 * red + 0.59 * green + 0.11 * blue < 0.5
            look = {"ha": "center", "va": "center", "fontsize": SMALL}
            weight = "bold" if row == column else "normal"
            ink = "white" if is_dark else INK
            axes.text(column, row, f"{value:+.2f}", color=ink, weight=weight, **look)
    axes.set_xticks(range(len(NAMES)), names, fontsize=SMALL)
    axes.set_yticks(range(len(NAMES)), names, fontsize=SMALL)
    axes.tick_params(length=0, labelcolor=MUTED)
    for spine in axes.spines.values():
        spine.set(color=LINE)
    said = "two together, beyond each alone"
    axes.set_title(said, fontsize=NORMAL, loc="left", color=INK, pad=7)
    axes.set_xlabel(
        "nats a hidden token; on the diagonal: one number alone", fontsize=SMALL, color=MUTED
    )


def _legend(figure: Figure, handles: Sequence, labels: Sequence[str]) -> None:
    width, height = figure.get_size_inches()
    figure.legend(
        handles,
        labels,
        loc="upper left",
        bbox_to_anchor=((MARGIN - 0.05) / width, 1 - (MARGIN + 0.22) / height),
        fontsize=SMALL,
        frameon=False,
        labelcolor=INK,
        ncols=len(labels),
        borderaxespad=0,
    )
