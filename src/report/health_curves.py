"""What the health monitor saw: losses by how much was hidden, against what needs no model."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from src.report.curves import Curve
from src.report.look import (
    CONFIDENCE_COLORS,
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
from src.training.health_config import PREFIX

WIDTH, HEIGHT, GAP, AXIS = 3.1, 2.0, 0.75, 0.5  # of one panel, inches
COLUMNS = 3
BASELINE = {"color": INK, "linestyle": "--", "linewidth": 1.0}


class Panel(NamedTuple):
    """Quantities in one pair of axes."""

    title: str
    by_bucket: str | None = None  # begins the names of a line per range of the mask ratio
    baseline: str | None = None  # the same, or one name: dashed
    single: str | None = None  # one line alone


PANELS = (
    Panel("loss, nats (dashed: code frequencies)", "loss", "unigram_entropy"),
    Panel("token accuracy (dashed: nearest visible)", "token_accuracy", "copy_accuracy"),
    Panel("entropy of predictions, nats", "predicted_entropy"),
    Panel("loss saved by the right prompt, nats", single="prompt_gain"),
    Panel("gradient norm before clipping", single="gradient_norm"),
    Panel("share of the codebook seen", single="codebook_usage"),
)


def health_figure(curves: Mapping[str, Curve], title: str = "") -> Figure:
    """Six panels against the steps; light colours: much of the picture was hidden.

    curves: as `read_curves` gives them; others than the monitor's are left out.

    Raises:
        ValueError: no number of the monitor among them.
    """
    told = {
        name.removeprefix(PREFIX): each for name, each in curves.items() if name.startswith(PREFIX)
    }
    if not told:
        raise ValueError("there are no numbers of the health monitor to draw")
    top = MARGIN + (0.5 if title else 0.2)
    rows = -(-len(PANELS) // COLUMNS)
    width = 2 * MARGIN + COLUMNS * (AXIS + WIDTH + 0.3)
    figure = new_figure(width, top + rows * (HEIGHT + GAP) + MARGIN / 2)
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    for index, each in enumerate(PANELS):
        left = MARGIN + AXIS + index % COLUMNS * (AXIS + WIDTH + 0.3)
        axes = panel(figure, left, top + 0.25 + index // COLUMNS * (HEIGHT + GAP), WIDTH, HEIGHT)
        _draw(axes, each, told)
        axes.set_title(each.title, fontsize=NORMAL, loc="left", color=INK, pad=7)
        axes.set_xlabel("step")
        axes.set_xlim(0, None)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        light(axes)
    place = 1 - MARGIN / width, 1 - MARGIN / figure.get_figheight()
    lines = figure.axes[0].get_legend_handles_labels()
    names = [f"{name} hidden" for name in lines[1]]
    style = {"fontsize": SMALL, "frameon": False, "borderaxespad": 0, "ncols": max(1, len(names))}
    figure.legend(lines[0], names, loc="upper right", bbox_to_anchor=place, **style)
    return figure


def _draw(axes: Axes, wanted: Panel, told: Mapping[str, Curve]) -> None:
    if wanted.single:
        if wanted.single in told:
            axes.plot(*told[wanted.single], color=PALETTE[0], linewidth=1.6)
        axes.axhline(0, color=INK, linewidth=0.6)
        return
    buckets = _buckets(wanted.by_bucket, told)
    colors = colormaps[CONFIDENCE_COLORS].resampled(max(2, len(buckets)))
    for index, bucket in enumerate(buckets):
        name = f"{bucket.replace('_', '-')} %"
        axes.plot(*told[f"{wanted.by_bucket}_{bucket}"], color=colors(index), label=name)
        if f"{wanted.baseline}_{bucket}" in told:
            line = BASELINE | {"color": colors(index)}
            axes.plot(*told[f"{wanted.baseline}_{bucket}"], **line)
    if wanted.baseline in told:
        axes.plot(*told[wanted.baseline], **BASELINE)


def _buckets(start: str, told: Mapping[str, Curve]) -> Sequence[str]:
    """The ranges that have a line of that name, as "20_40", the emptiest masks first."""
    names = [name.removeprefix(f"{start}_") for name in told if name.startswith(f"{start}_")]
    ranges = [name for name in names if name.replace("_", "").isdecimal()]
    return sorted(ranges, key=lambda name: int(name.partition("_")[0]))
