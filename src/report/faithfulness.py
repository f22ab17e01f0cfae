"""Words taken away and said one after the other: a ranking's curves among random ones'."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from src.interpret.faithfulness import Faithfulness
from src.report.look import (
    INK,
    LARGE,
    LINE,
    MARGIN,
    NORMAL,
    PALETTE,
    SMALL,
    label,
    light,
    new_figure,
    panel,
)

WIDTH, HEIGHT, GAP = 3.6, 2.3, 0.75  # inches
RANDOM_COLOR = PALETTE[5]


def faithfulness_figure(found: Mapping[str, Faithfulness], title: str = "") -> Figure:
    """Deletion on the left, insertion on the right; every ranking, and the random ones as a band.

    The band holds nine tenths of the first one's random rankings.
    Args:
        found: of one value, by the name of the ranking.

    Raises:
        ValueError: no ranking.
    """
    if not found:
        raise ValueError("there is no ranking to draw")
    figure = new_figure(2 * MARGIN + 2 * WIDTH + GAP + 0.5, MARGIN + 0.95 + HEIGHT + 0.75)
    title = title or "Is the ranking of words true to the model?"
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    first = next(iter(found.values()))
    sides = (
        ("deletion", "words taken away, most important first", "lower is truer"),
        ("insertion", "words said, most important first", "higher is truer"),
    )
    for place, (side, axis, better) in enumerate(sides):
        left = MARGIN + 0.5 + place * (WIDTH + GAP)
        axes = panel(figure, left, MARGIN + 0.95, WIDTH, HEIGHT)
        random = np.stack([getattr(each, side).numpy() for each in first.random])
        steps = range(random.shape[1])
        low, high = np.quantile(random, [0.05, 0.95], axis=0)
        axes.fill_between(steps, low, high, color=LINE, label="random, 9 of 10")
        axes.plot(steps, random.mean(axis=0), color=RANDOM_COLOR, ls=":", label="random, mean")
        for index, (name, each) in enumerate(found.items()):
            area = getattr(each.curves, f"{side}_area")
            style = {"color": PALETTE[index], "marker": "os^Dv"[index % 5], "markersize": 3}
            curve = getattr(each.curves, side)
            axes.plot(steps, curve, label=f"{name}, mean {area:.2f}", **style)
        light(axes)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_xlabel(axis)
        axes.set_ylabel("nats a hidden token" if place == 0 else "")
        axes.set_title(f"{side}: {better}", fontsize=NORMAL, color=INK, loc="left", pad=28)
        style = {"ncols": 2, "frameon": False, "fontsize": SMALL - 1, "labelcolor": INK}
        axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 0.99), borderaxespad=0, **style)
    return figure
