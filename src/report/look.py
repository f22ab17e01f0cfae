"""How every figure looks: one paper, one ink, one palette, and PNG files that never differ by date.

Figures are made without pyplot, so drawing one leaves no state behind and needs no display.
"""

import io
import textwrap
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from src.whole_files import write_whole

PAPER, INK, MUTED, LINE = "#ffffff", "#1f2430", "#6b7280", "#d7dbe2"
PALETTE = ("#31688e", "#c8553d", "#4f9d69", "#8d5a97", "#b8860b", "#5f6b7a")  # in order of use
CONFIDENCE_COLORS = "viridis"  # perceptually even, and safe for colour-blind eyes
NATS_COLORS = "magma"  # entropy, divergence, regret: from 0
SIGNED_COLORS = "RdBu_r"  # what has a sign: centred at 0
DIFFERENCE_COLORS = "Purples"  # how much or how often things differ: from 0
READING_COLORS = "YlOrRd"  # attention, relevance: shares from 0
MARGIN = 0.28  # inches, around every figure
DOTS_PER_INCH = 150
SMALL, NORMAL, LARGE = 7.5, 9.0, 11.0  # points
FONT = {"font.family": "DejaVu Sans", "svg.hashsalt": "amused", "hatch.linewidth": 0.6}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of exactly `width` x `height` inches."""
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, facecolor=PAPER)
    FigureCanvasAgg(figure)
    return figure


def panel(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place given in inches from the figure's upper left corner."""
    full_width, full_height = figure.get_size_inches()
    return figure.add_axes(
        (
            left / full_width,
            1 - (top + height) / full_height,
            width / full_width,
            height / full_height,
        )
    )


def label(figure: Figure, left: float, top: float, text: str, **style) -> None:
    """Text at a place given in inches from the figure's upper left corner."""
    width, height = figure.get_size_inches()
    settings = {"fontsize": NORMAL, "color": INK, "ha": "center", "va": "top"} | style
    figure.text(left / width, 1 - top / height, text, **settings)


def show_picture(axes: Axes, picture: Image.Image | np.ndarray) -> None:
    """A picture with its pixels as they are: enlarged without smoothing, in a thin frame."""
    axes.imshow(np.asarray(picture), interpolation="nearest")
    bare(axes)


def bare(axes: Axes) -> None:
    """No ticks, a thin frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color=LINE, linewidth=0.8)


def light(axes: Axes) -> None:
    """Axes for lines: a faint grid, no box, numbers that step back behind the data."""
    axes.tick_params(labelsize=SMALL, color=LINE, labelcolor=MUTED, length=2)
    axes.xaxis.label.set(fontsize=SMALL, color=MUTED)
    axes.yaxis.label.set(fontsize=SMALL, color=MUTED)
    axes.grid(color=LINE, linewidth=0.5)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set(color=LINE, visible=side in ("left", "bottom"))


def wrapped(text: str, width: float, max_lines: int = 6, fontsize: float = SMALL) -> str:
    """The text broken to fit `width` inches; what does not fit ends in an ellipsis."""
    num_letters = max(8, int(width * 72 / (0.56 * fontsize)))  # DejaVu Sans, mean letter width
    return textwrap.fill(text, num_letters, max_lines=max_lines, placeholder=" …")


def png_bytes(figure: Figure) -> bytes:
    """The figure as PNG; the same figure always gives the same bytes."""
    buffer = io.BytesIO()
    with rc_context(FONT):
        figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return buffer.getvalue()


def save_figure(figure: Figure, path: Path) -> Path:
    """Write the figure as PNG, whole or not at all; raises UserError where that is impossible."""
    write_whole(Path(path), png_bytes(figure))
    return Path(path)
