"""The decoding of one picture, step by step: what it looks like, how sure it is, what it keeps.

Dimensions: steps, height and width of the token grid.
Three rows: the picture as drawn in each step; the probability of the codes in it, on a fixed scale
from 0 to 1, hatched where the position stays hidden; the step at which each position was kept.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colorbar import ColorbarBase
from matplotlib.colors import BoundaryNorm, Normalize
from matplotlib.figure import Figure

from src.interpret.commit_order import GIVEN, NEVER, commit_steps, confidence_maps
from src.report.grid import Picture
from src.report.look import (
    CONFIDENCE_COLORS,
    INK,
    LARGE,
    LINE,
    MARGIN,
    MUTED,
    SMALL,
    bare,
    label,
    new_figure,
    panel,
    show_picture,
    wrapped,
)
from src.report.token_map import outline
from src.sampler.trace import Trace

SIDE, GAP = 0.9, 0.09  # inches
NAMES, BARS = 1.12, 0.62  # room for the rows' names and the colour bars
HEAD = 0.34  # room for the steps' numbers
LINE_HEIGHT = 0.22  # of the prompt
ORDER_COLORS = "cividis"
HIDDEN, KNOWN = "#eef0f4", "#b9c0cb"  # not kept yet; given from the start
ROWS = (
    ("picture", "what is hidden\nas last drawn"),
    ("confidence", "probability of the\ncode; hatched:\nstill hidden"),
    ("kept at step", "framed: now"),
)


def step_panel(pictures: Sequence[Picture], trace: Trace, prompt: str, note: str = "") -> Figure:
    """The whole decoding of one picture as a figure, a column a step.

    Args:
        pictures: `trace.drawn_ids` decoded, one a step.
        trace: of one picture, as `Trace.picture` gives it.
        note: one line under the prompt, such as seed and guidance.

    Raises:
        ValueError: a trace of several pictures, or not one picture a step.
    """
    if trace.is_masked.shape[1] != 1 or len(pictures) != trace.num_steps:
        raise ValueError(
            f"{len(pictures)} pictures for a trace of {trace.num_steps} steps and "
            f"{trace.is_masked.shape[1]} pictures: give one a step, of one picture"
        )
    is_masked = trace.is_masked[:, 0].numpy()
    confidence = confidence_maps(trace)[:, 0].float().numpy()
    kept_at = commit_steps(trace)[0].numpy()
    inner = max(NAMES + trace.num_steps * (SIDE + GAP) - GAP + BARS, 5.0)
    title = wrapped(prompt, 0.9 * inner, fontsize=LARGE)
    top = MARGIN + LINE_HEIGHT * (title.count("\n") + 1) + (LINE_HEIGHT if note else 0) + HEAD + 0.1
    figure = new_figure(inner + 2 * MARGIN, top + 3 * (SIDE + GAP) - GAP + MARGIN)
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    label(figure, MARGIN, top - HEAD - 0.1, note, color=MUTED, ha="left", va="bottom")
    for row, (name, explanation) in enumerate(ROWS):
        _name_row(figure, top + row * (SIDE + GAP), name, explanation)
    for index in range(trace.num_steps):
        left = MARGIN + NAMES + index * (SIDE + GAP)
        head = f"step {index + 1}\n{is_masked[index].sum()} hidden"
        label(figure, left + SIDE / 2, top - 0.05, head, va="bottom", fontsize=SMALL)
        axes = [panel(figure, left, top + row * (SIDE + GAP), SIDE, SIDE) for row in range(3)]
        show_picture(axes[0], pictures[index])
        draw_confidence(axes[1], confidence[index], is_masked[index])
        draw_order(axes[2], kept_at, index + 1, trace.num_steps)
    _bars(figure, MARGIN + NAMES + trace.num_steps * (SIDE + GAP), top, trace.num_steps)
    return figure


def draw_confidence(
    axes: Axes,
    confidence: Float[np.ndarray, "height width"],
    is_masked: Bool[np.ndarray, "height width"],
) -> None:
    """One map of probabilities, hatched where the position stays hidden."""
    axes.imshow(confidence, cmap=CONFIDENCE_COLORS, vmin=0, vmax=1, interpolation="nearest")
    hatch = "/" * min(12, max(3, 3 * len(confidence) // 4))  # lines, not a wash, on small cells
    style = {"facecolor": "none", "hatch": hatch, "edgecolor": (1, 1, 1, 0.7), "linewidth": 0}
    outline(axes, is_masked, 0.5, **style)
    bare(axes)


def draw_order(
    axes: Axes, kept_at: Int[np.ndarray, "height width"], step: int, num_steps: int
) -> None:
    """What is kept up to `step`, coloured by when; this step's own are framed.

    kept_at: a step from 1, or GIVEN, or NEVER, as `interpret.commit_order` says it.
    """
    is_kept = (kept_at <= step) & (kept_at != NEVER)
    shown = np.ma.masked_where(~is_kept | (kept_at == GIVEN), kept_at)
    axes.set_facecolor(HIDDEN)
    axes.imshow(shown, cmap=ORDER_COLORS, norm=step_norm(num_steps), interpolation="nearest")
    outline(axes, kept_at == GIVEN, 0.5, facecolor=KNOWN, linewidth=0)
    cell = SIDE * 72 / len(kept_at)  # points
    frame = {"facecolor": "none", "edgecolor": "white", "linewidth": min(1.0, cell / 9)}
    outline(axes, kept_at == step, 0.36, **frame)
    bare(axes)


def step_norm(num_steps: int) -> BoundaryNorm:
    """One colour a step, over the whole range of the colour map."""
    return BoundaryNorm(np.arange(num_steps + 1) + 0.5, colormaps[ORDER_COLORS].N)


def _name_row(figure: Figure, top: float, name: str, explanation: str) -> None:
    right, middle = MARGIN + NAMES - 0.12, top + SIDE / 2
    num_lines = explanation.count("\n") + 1
    half = 0.06 * num_lines
    label(figure, right, middle - half, name, ha="right", va="center")
    style = {"ha": "right", "va": "top", "color": MUTED, "fontsize": 6.5, "linespacing": 1.15}
    label(figure, right, middle - half + 0.1, explanation, **style)


def _bars(figure: Figure, left: float, top: float, num_steps: int) -> None:
    """The two scales, beside their rows."""
    scales = (
        (CONFIDENCE_COLORS, Normalize(0, 1), [0, 0.5, 1]),
        (ORDER_COLORS, step_norm(num_steps), sorted({1, (num_steps + 1) // 2, num_steps})),
    )
    for row, (colors, norm, ticks) in enumerate(scales, start=1):
        axes = panel(figure, left + 0.06, top + row * (SIDE + GAP), 0.11, SIDE)
        bar = ColorbarBase(axes, cmap=colormaps[colors], norm=norm, ticks=ticks)
        bar.ax.tick_params(labelsize=SMALL, length=2, color=LINE, labelcolor=INK)
        bar.ax.minorticks_off()
        bar.outline.set_edgecolor(LINE)
