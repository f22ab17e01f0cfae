"""The decoding of one picture, step by step: what it looks like, how sure it is, what it keeps.

Dimensions: steps, height and width of the token grid.
Three rows: the picture decoded after each step; the confidence of the codes drawn in that step,
on a fixed scale from 0 to 1, hatched where the position stays hidden; the step at which each
position was kept.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colorbar import ColorbarBase
from matplotlib.colors import BoundaryNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from src.report.grid import Picture
from src.report.look import (
    CONFIDENCE_COLORS,
    INK,
    LARGE,
    LINE,
    MUTED,
    SMALL,
    bare,
    label,
    new_figure,
    panel,
    show_picture,
)

SIDE, GAP, MARGIN = 1.05, 0.1, 0.28  # inches
NAMES, BARS = 0.95, 0.75  # room for the rows' names and the colour bars
TOP = 1.0
ORDER_COLORS = "cividis"
HIDDEN = "#eef0f4"
ROWS = (
    ("picture\nso far", ""),
    ("confidence", "probability of\nthe drawn code"),
    ("kept\nat step", ""),
)


def step_panel(
    pictures: Sequence[Picture],
    confidence: Float[np.ndarray, "steps height width"],
    is_masked: Bool[np.ndarray, "steps height width"],
    prompt: str,
    note: str = "",
) -> Figure:
    """The whole decoding as one figure, a column a step.

    Args:
        pictures: the canvas decoded after each step.
        confidence: log-probability of the code drawn at each position, without noise; NaN or
            infinite where nothing was drawn, which is left white.
        is_masked: what is still hidden after each step.
        note: one line under the prompt, such as seed and guidance.
    """
    num_steps = len(is_masked)
    if not len(pictures) == len(confidence) == num_steps:
        raise ValueError(
            f"{len(pictures)} pictures, {len(confidence)} maps of confidence and {num_steps} of "
            "what is hidden: one of each a step"
        )
    width = max(2 * MARGIN + NAMES + num_steps * (SIDE + GAP) - GAP + BARS, 6.0)
    figure = new_figure(width, TOP + 3 * (SIDE + GAP) - GAP + MARGIN)
    label(figure, MARGIN, MARGIN, prompt, fontsize=LARGE, ha="left", weight="bold")
    label(figure, MARGIN, MARGIN + 0.25, note, color=MUTED, ha="left")
    for row, (name, explanation) in enumerate(ROWS):
        _name_row(figure, TOP + row * (SIDE + GAP), name, explanation)
    kept_at = kept_at_step(is_masked)
    for index in range(num_steps):
        left = MARGIN + NAMES + index * (SIDE + GAP)
        num_hidden = int(is_masked[index].sum())
        head = f"step {index + 1}\n{num_hidden} hidden"
        label(figure, left + SIDE / 2, TOP - 0.06, head, va="bottom", fontsize=SMALL)
        axes = [panel(figure, left, TOP + row * (SIDE + GAP), SIDE, SIDE) for row in range(3)]
        show_picture(axes[0], pictures[index])
        draw_confidence(axes[1], confidence[index], is_masked[index])
        draw_order(axes[2], kept_at, index + 1, num_steps)
    _bars(figure, MARGIN + NAMES + num_steps * (SIDE + GAP), num_steps)
    return figure


def kept_at_step(
    is_masked: Bool[np.ndarray, "steps height width"],
) -> Int[np.ndarray, "height width"]:
    """The step, from 1, after which each position is no longer hidden.

    0 where it never was or nobody knows: given from the start counts as kept at step 1 here,
    because the maps begin after the first step; a position that stays hidden has steps + 1.
    """
    return is_masked.sum(axis=0) + 1


def draw_confidence(
    axes: Axes,
    confidence: Float[np.ndarray, "height width"],
    is_masked: Bool[np.ndarray, "height width"],
) -> None:
    """One map of confidence, from log-probabilities, hatched where the position stays hidden."""
    probability = np.ma.masked_invalid(np.exp(np.where(np.isfinite(confidence), confidence, np.nan)))
    axes.imshow(
        probability, cmap=CONFIDENCE_COLORS, vmin=0, vmax=1, interpolation="nearest"
    )
    for row, column in np.argwhere(is_masked):
        axes.add_patch(
            Rectangle(
                (column - 0.5, row - 0.5),
                1,
                1,
                fill=False,
                hatch="/////",
                edgecolor=(1, 1, 1, 0.75),
                linewidth=0,
            )
        )
    bare(axes)


def draw_order(
    axes: Axes, kept_at: Int[np.ndarray, "height width"], step: int, num_steps: int
) -> None:
    """What is kept up to `step`, coloured by when; this step's own are framed."""
    shown = np.ma.masked_where(kept_at > step, kept_at)
    axes.set_facecolor(HIDDEN)
    axes.imshow(
        shown, cmap=ORDER_COLORS, norm=_step_norm(num_steps), interpolation="nearest"
    )
    for row, column in np.argwhere(kept_at == step):
        axes.add_patch(
            Rectangle(
                (column - 0.42, row - 0.42), 0.84, 0.84, fill=False, edgecolor="white", linewidth=0.9
            )
        )
    bare(axes)


def _name_row(figure: Figure, top: float, name: str, explanation: str) -> None:
    right = MARGIN + NAMES - 0.12
    middle = top + SIDE / 2
    label(figure, right, middle - (0.1 if explanation else 0), name, ha="right", va="center")
    if explanation:
        style = {"ha": "right", "va": "center", "color": MUTED, "fontsize": 6.5}
        label(figure, right, middle + 0.16, explanation, **style)


def _step_norm(num_steps: int) -> BoundaryNorm:
    """One colour a step, over the whole range of the colour map."""
    return BoundaryNorm(np.arange(num_steps + 1) + 0.5, colormaps[ORDER_COLORS].N)


def _bars(figure: Figure, left: float, num_steps: int) -> None:
    """The two scales, beside their rows."""
    row_tops = [TOP + row * (SIDE + GAP) for row in (1, 2)]
    scales = (
        (CONFIDENCE_COLORS, Normalize(0, 1), [0, 0.5, 1]),
        (ORDER_COLORS, _step_norm(num_steps), sorted({1, (num_steps + 1) // 2, num_steps})),
    )
    for top, (colors, norm, ticks) in zip(row_tops, scales, strict=True):
        axes = panel(figure, left + 0.06, top, 0.12, SIDE)
        bar = ColorbarBase(axes, cmap=colormaps[colors], norm=norm, ticks=ticks)
        bar.ax.tick_params(labelsize=SMALL, length=2, color=LINE, labelcolor=INK)
        bar.ax.minorticks_off()
        bar.outline.set_edgecolor(LINE)
