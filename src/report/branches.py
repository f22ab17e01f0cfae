"""Two branches of a decoding side by side: both pictures, and what of them is not the same.

Dimensions: height, width (in tokens).
"""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.colorbar import ColorbarBase
from matplotlib.figure import Figure

from src.interpret.branches import Difference
from src.report.grid import Picture
from src.report.look import (
    DIFFERENCE_COLORS,
    INK,
    LARGE,
    LINE,
    MARGIN,
    MUTED,
    NORMAL,
    SIGNED_COLORS,
    SMALL,
    label,
    new_figure,
    panel,
    show_picture,
    wrapped,
)
from src.report.step_panel import ORDER_COLORS, draw_order, step_norm
from src.report.token_map import BAR, BAR_GAP, Scale, draw_bar, draw_map

SIDE, GAP, HEAD = 2.05, 0.2, 0.42  # inches
BARS = 0.66


def branches_figure(
    pictures: Sequence[Picture],
    found: Difference,
    names: Sequence[str] = ("first branch", "second branch"),
    title: str = "",
) -> Figure:
    """Above the pictures and where they differ, below when tokens were kept and how surely.

    Args:
        pictures: both finished pictures.
        names: what was done in each, such as "as drawn" and "row 3, column 4 forbidden".

    Raises:
        ValueError: not two pictures and two names.
    """
    if len(pictures) != 2 or len(names) != 2:
        raise ValueError(f"{len(pictures)} pictures and {len(names)} names: give two of each")
    top = MARGIN + 0.35 + HEAD
    lower = top + SIDE + HEAD + 0.1
    lefts = [MARGIN + column * (SIDE + GAP) for column in range(2)]
    right = lefts[1] + SIDE + BAR_GAP + BARS + GAP
    figure = new_figure(right + SIDE + BAR_GAP + BARS + MARGIN, lower + SIDE + MARGIN)
    heading = title or _summary(found)
    label(figure, MARGIN, MARGIN, heading, fontsize=LARGE, ha="left", weight="bold")
    for left, picture, name, kept in zip(
        lefts, pictures, names, (found.one_kept, found.other_kept), strict=True
    ):
        _head(figure, left, top, wrapped(name, SIDE, max_lines=2, fontsize=NORMAL))
        show_picture(panel(figure, left, top, SIDE, SIDE), picture)
        _head(figure, left, lower, "kept at step; grey: given, pinned")
        axes = panel(figure, left, lower, SIDE, SIDE)
        after_all = found.num_steps + 1  # so that no step is framed as the present one
        draw_order(axes, kept.numpy(), after_all, found.num_steps)
    _step_bar(figure, lefts[1] + SIDE + BAR_GAP, lower, found.num_steps)
    _head(figure, right, top, f"another token at {int(found.differs.sum())} positions")
    is_other = Scale(DIFFERENCE_COLORS, 0, 1, "")
    axes = panel(figure, right, top, SIDE, SIDE)
    draw_map(axes, found.differs.numpy().astype(np.float32), is_other)
    _head(figure, right, lower, "confidence, second less first")
    scale = Scale(SIGNED_COLORS, -1, 1, "probability", (-1, 0, 1))
    draw_map(panel(figure, right, lower, SIDE, SIDE), found.confidence.numpy(), scale)
    draw_bar(figure, right + SIDE + BAR_GAP, lower, SIDE, scale)
    if found.confidence.isnan().any():
        note = "grey: given or pinned, so nobody's confidence"
        style = {"ha": "left", "va": "top", "color": MUTED, "fontsize": SMALL}
        label(figure, right, lower + SIDE + 0.04, note, **style)
    return figure


def _summary(found: Difference) -> str:
    if found.first_apart is None:
        return "Two branches that are the same"
    return f"{found.share:.0%} of tokens differ; apart from step {found.first_apart} on"


def _head(figure: Figure, left: float, top: float, text: str) -> None:
    label(figure, left, top - 0.07, text, ha="left", va="bottom", fontsize=NORMAL)


def _step_bar(figure: Figure, left: float, top: float, num_steps: int) -> None:
    axes = panel(figure, left, top, BAR, SIDE)
    ticks = sorted({1, (num_steps + 1) // 2, num_steps})
    bar = ColorbarBase(axes, cmap=colormaps[ORDER_COLORS], norm=step_norm(num_steps), ticks=ticks)
    bar.ax.tick_params(labelsize=SMALL, length=2, color=LINE, labelcolor=INK)
    bar.ax.minorticks_off()
    bar.outline.set_edgecolor(LINE)
    style = {"rotation": 90, "va": "center", "ha": "right", "color": MUTED, "fontsize": SMALL}
    label(figure, left + 0.55, top + SIDE / 2, "step", **style)
