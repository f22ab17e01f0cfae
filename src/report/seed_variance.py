"""What the seed decides: pictures of one prompt, where they differ, and until which step.

Dimensions: seeds, height, width (in tokens), prefixes (steps that pictures have in common).
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from src.interpret.seed_variance import NEVER, PrefixVariance, SeedVariance, most_entropy
from src.report.film_strip import WIDTH
from src.report.grid import Picture
from src.report.look import (
    DIFFERENCE_COLORS,
    INK,
    LARGE,
    MARGIN,
    MUTED,
    NATS_COLORS,
    NORMAL,
    PALETTE,
    SMALL,
    label,
    light,
    new_figure,
    panel,
    show_picture,
)
from src.report.step_panel import ORDER_COLORS
from src.report.token_map import Scale, nats_up_to, titled_map

MOST_PICTURES = 10  # in a row
SIDE = 2.0  # inches, of a map
STEP = SIDE + 0.92


def seed_variance_figure(
    pictures: Sequence[Picture], variance: SeedVariance, num_codes: int, title: str = ""
) -> Figure:
    """The pictures, and where and how much they differ.

    Args:
        pictures: of the seeds, in order; the first ten are shown.
        num_codes: of the codebook.

    Raises:
        ValueError: not one picture a seed.
    """
    num_seeds = len(variance.hamming)
    if len(pictures) != num_seeds:
        raise ValueError(f"{len(pictures)} pictures for {num_seeds} seeds: give one each")
    num_shown = min(num_seeds, MOST_PICTURES)
    side = min(1.1, (WIDTH - 2 * MARGIN) / num_shown - 0.06)
    top = MARGIN + 0.42
    maps = top + side + 0.5
    figure = new_figure(WIDTH, maps + SIDE + 0.42)
    heading = title or f"{num_seeds} seeds of one prompt"
    label(figure, MARGIN, MARGIN, heading, fontsize=LARGE, ha="left", weight="bold")
    for index in range(num_shown):
        place = MARGIN + index * (side + 0.06)
        show_picture(panel(figure, place, top, side, side), pictures[index])
    most = most_entropy(num_seeds, num_codes)
    scale = Scale(NATS_COLORS, 0, most, "nats", (0, round(most / 2, 2), round(most, 2)))
    entropy = variance.entropy.numpy()
    titled_map(figure, MARGIN, maps, SIDE, entropy, scale, "entropy of the codes")
    if variance.pixel_deviation is not None:
        deviation = variance.pixel_deviation.numpy()
        scale = Scale(DIFFERENCE_COLORS, 0, nats_up_to(deviation), "of 0..1")
        name = "deviation of the pixels"
        titled_map(figure, MARGIN + STEP, maps, SIDE, deviation, scale, name)
    scale = Scale(DIFFERENCE_COLORS, 0, 1, "0..1", (0, 0.5, 1))
    name = f"share that differs; mean {variance.mean_hamming:.2f}"
    place, apart = MARGIN + 2 * STEP, variance.hamming.numpy()
    axes = titled_map(figure, place, maps, SIDE, apart, scale, name)
    axes.set_xlabel("seed", fontsize=SMALL, color=MUTED)
    axes.set_ylabel("seed", fontsize=SMALL, color=MUTED)
    return figure


def prefix_variance_figure(
    variance: PrefixVariance,
    num_shared: Sequence[int],
    num_steps: int,
    num_seeds: int,
    num_codes: int,
    title: str = "",
) -> Figure:
    """When the picture is decided: what still differs once so many steps are shared.

    Grey in the map: differs with the longest prefix that was tried.
    """
    top = MARGIN + 0.72
    figure = new_figure(WIDTH, top + SIDE + 0.75)
    heading = title or "When is the picture decided?"
    label(figure, MARGIN, MARGIN, heading, fontsize=LARGE, ha="left", weight="bold")
    panels = (
        ("tokens that two seeds differ in", "share, 0..1", variance.mean_hamming, 1.0),
        (
            "entropy of the codes",
            "nats, mean over positions",
            variance.mean_entropy,
            most_entropy(num_seeds, num_codes),
        ),
    )
    for index, (name, unit, values, most) in enumerate(panels):
        axes = panel(figure, MARGIN + 0.42 + index * 2.85, top, 2.1, SIDE)
        axes.set_title(name, fontsize=NORMAL, loc="left", color=INK, pad=6)
        axes.set_ylabel(unit)
        axes.set_ylim(0, most)
        _draw_curve(axes, num_shared, values.numpy(), num_steps)
    decided = variance.decided_at.numpy()
    scale = Scale(ORDER_COLORS, 0, num_steps, "shared steps", (0, num_steps // 2, num_steps))
    place, is_decided = MARGIN + 2 * STEP, decided != NEVER
    titled_map(figure, place, top, SIDE, decided.astype(float), scale, "decided from", is_decided)
    return figure


def _draw_curve(axes: Axes, num_shared: Sequence[int], values: np.ndarray, num_steps: int) -> None:
    axes.plot(num_shared, values, color=PALETTE[0], linewidth=1.4, marker="o", markersize=3)
    axes.set_xlabel("steps shared")
    axes.set_xlim(-0.3, num_steps + 0.3)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    light(axes)
