"""How a sampler fills a picture: how many tokens a step, how far apart, in how smooth an order.

Dimensions: steps, height, width (in tokens).
"""

import numpy as np
from jaxtyping import Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from src.interpret.checked import check_picture
from src.interpret.commit_statistics import AgainstChance, CommitStatistics, KeptCurve
from src.report.film_strip import WIDTH
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
from src.report.step_panel import ORDER_COLORS, draw_order
from src.report.token_map import BAR_GAP, Scale, draw_bar

OBSERVED, CHANCE = PALETTE[0], "#aab1bc"
TOP, HEIGHT, PANEL = MARGIN + 0.72, 2.15, 2.2  # inches


def commit_statistics_figure(
    curve: KeptCurve,
    statistics: CommitStatistics,
    order: Int[Tensor, "batch height width"],
    title: str = "",
    picture: int = 0,
) -> Figure:
    """The kept tokens over the schedule, the distances and the clustering against chance.

    Args:
        order: `interpret.commit_order.commit_steps` of the same trace.
        picture: which of the batch; UserError for one that is not there.
    """
    check_picture(picture, len(order))
    figure = new_figure(WIDTH, TOP + HEIGHT + 1.1)
    heading = title or "In which order the tokens were kept"
    label(figure, MARGIN, MARGIN, heading, fontsize=LARGE, ha="left", weight="bold")
    _draw_curve(panel(figure, MARGIN + 0.4, TOP, PANEL, HEIGHT), curve, picture)
    distance = AgainstChance(*(each[picture] for each in statistics.distance))
    _draw_distance(panel(figure, MARGIN + 3.15, TOP, PANEL, HEIGHT), distance)
    left, num_steps = MARGIN + 5.85, len(curve.num_kept)
    axes = panel(figure, left, TOP, HEIGHT - 0.1, HEIGHT - 0.1)
    draw_order(axes, order[picture].numpy(), num_steps + 1, num_steps)
    axes.set_title("step of each token", fontsize=NORMAL, loc="left", color=INK, pad=6)
    ends = (1, (num_steps + 1) // 2, num_steps)
    bar = Scale(ORDER_COLORS, 0.5, num_steps + 0.5, "step", ends)
    draw_bar(figure, left + HEIGHT - 0.1 + BAR_GAP, TOP, HEIGHT - 0.1, bar)
    moran = AgainstChance(*(each[picture] for each in statistics.moran))
    _draw_moran(panel(figure, left, TOP + HEIGHT + 0.3, HEIGHT - 0.1, 0.16), moran)
    return figure


def _draw_curve(axes: Axes, curve: KeptCurve, picture: int) -> None:
    kept, scheduled = (each[:, picture].numpy() for each in curve)
    steps = np.arange(1, len(kept) + 1)
    axes.plot(steps, scheduled, color=CHANCE, linewidth=4, label="schedule")
    axes.plot(steps, kept, color=OBSERVED, linewidth=1.4, marker="o", markersize=3, label="kept")
    axes.set_title("tokens kept so far", fontsize=NORMAL, loc="left", color=INK, pad=6)
    axes.set_ylabel("tokens")
    axes.set_ylim(0, None)
    axes.legend(fontsize=SMALL, frameon=False, loc="upper left")
    _steps(axes, len(kept))


def _draw_distance(axes: Axes, distance: AgainstChance) -> None:
    observed, expected, low, high = (each.numpy() for each in distance)
    steps = np.arange(1, len(observed) + 1)
    axes.fill_between(steps, low, high, color=CHANCE, alpha=0.45, linewidth=0, label="chance, 95 %")
    axes.plot(steps, expected, color=MUTED, linewidth=1, linestyle="--", label="chance, mean")
    axes.plot(
        steps, observed, color=OBSERVED, linewidth=1.4, marker="o", markersize=3, label="kept"
    )
    title = "distance within a step"
    axes.set_title(title, fontsize=NORMAL, loc="left", color=INK, pad=6)
    axes.set_ylabel("to the nearest, tokens")
    axes.set_ylim(0, None)
    axes.legend(fontsize=SMALL, frameon=False, loc="upper right")
    _steps(axes, len(observed))


def _draw_moran(axes: Axes, moran: AgainstChance) -> None:
    observed, expected, low, high = (float(each) for each in moran)
    axes.plot([low, high], [0, 0], color=CHANCE, linewidth=7, solid_capstyle="butt")
    axes.plot([expected], [0], "|", color=MUTED, markersize=9)
    axes.plot([observed], [0], "o", color=OBSERVED, markersize=5, clip_on=False)
    axes.set(xlim=(-1, 1), ylim=(-1, 1), yticks=[])
    said = "undefined" if np.isnan(observed) else f"{observed:.2f}"
    axes.set_xlabel(f"Moran's I {said}; bar: chance, 95 %\n1 = neighbours at like times")
    light(axes)


def _steps(axes: Axes, num_steps: int) -> None:
    axes.set_xlabel("step")
    axes.set_xlim(0.5, num_steps + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    light(axes)
