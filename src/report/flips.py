"""Where and when the model changed its mind: a map of counts, and the share in each step.

Dimensions: steps, batch, height, width (in tokens).
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from src.interpret.checked import check_picture
from src.interpret.flips import Flips
from src.report.film_strip import WIDTH
from src.report.look import (
    DIFFERENCE_COLORS,
    INK,
    LARGE,
    MARGIN,
    NORMAL,
    PALETTE,
    SMALL,
    label,
    light,
    new_figure,
    panel,
)
from src.report.token_map import Scale, titled_map

SIDE, TOP, MOST_KINDS = 1.85, MARGIN + 0.72, 2
MARKS = ("o", "s")


def flips_figure(kinds: Mapping[str, Flips], title: str = "", picture: int = 0) -> Figure:
    """A map for each kind of flip, and one panel with the share of each in every step.

    Args:
        kinds: by name, at most two: {"drawn": flips(trace), "likeliest": ...}.
        picture: which of the batch.

    Raises:
        ValueError: no kinds, or more than two.
        UserError: a picture that is not there.
    """
    if not 1 <= len(kinds) <= MOST_KINDS:
        raise ValueError(f"{len(kinds)} kinds of flips: give one or two")
    for each in kinds.values():
        check_picture(picture, len(each.counts))
    figure = new_figure(WIDTH, TOP + SIDE + 0.75)
    heading = title or "Codes that changed while still hidden"
    label(figure, MARGIN, MARGIN, heading, fontsize=LARGE, ha="left", weight="bold")
    counts = [each.counts[picture].numpy() for each in kinds.values()]
    most = max(1, *(int(count.max()) for count in counts))
    for index, (name, count) in enumerate(zip(kinds, counts, strict=True)):
        left = MARGIN + index * (SIDE + 0.85)
        scale = Scale(DIFFERENCE_COLORS, 0, most, "times", tuple(sorted({0, most // 2, most})))
        titled_map(figure, left, TOP, SIDE, count.astype(float), scale, f"{name}: flips")
    left = MARGIN + len(kinds) * (SIDE + 0.85) + 0.45
    axes = panel(figure, left, TOP, WIDTH - MARGIN - left, SIDE)
    for index, (name, each) in enumerate(kinds.items()):
        shares = each.shares[:, picture].numpy()
        style = {"color": PALETTE[index], "marker": MARKS[index], "markersize": 3}
        axes.plot(np.arange(1, len(shares) + 1), shares, linewidth=1.4, label=name, **style)
    _finish(axes, len(shares))
    return figure


def _finish(axes: Axes, num_steps: int) -> None:
    title = "share of what is drawn again"
    axes.set_title(title, fontsize=NORMAL, loc="left", color=INK, pad=6)
    axes.set_ylabel("flipped, 0..1")
    axes.set_xlabel("step")
    axes.set_xlim(0.5, num_steps + 0.5)
    axes.set_ylim(-0.02, 1.02)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.legend(fontsize=SMALL, frameon=False, loc="upper right")
    light(axes)
