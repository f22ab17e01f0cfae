"""What a linear map can read of each site, beside what it reads of nothing."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from src.interpret.linear_probe import Probe
from src.report.look import (
    INK,
    LARGE,
    MARGIN,
    MUTED,
    PALETTE,
    SMALL,
    label,
    light,
    new_figure,
    panel,
)

WIDTH, HEIGHT = 0.72, 2.4  # inches, a site


def probe_figure(probes: Mapping[str, Probe], what: str, title: str = "") -> Figure:
    """Accuracy on held-out groups by site, of the probe, its shuffled control and the commonest.

    Args:
        probes: by the name of the site, in the order of a pass.
        what: is read, such as "the object at a position".

    Raises:
        ValueError: no probes.
    """
    if not probes:
        raise ValueError("there are no probes to draw")
    inner = max(5.0, WIDTH * len(probes) + 0.6)
    figure = new_figure(inner + 2 * MARGIN, MARGIN + 0.75 + HEIGHT + 1.35)
    title = title or f"Can {what} be read by a linear map?"
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    axes = panel(figure, MARGIN + 0.5, MARGIN + 0.75, inner - 0.5, HEIGHT)
    kinds = {
        "probe": ("accuracy", PALETTE[0], "o", "-"),
        "on shuffled labels": ("control_accuracy", PALETTE[1], "s", "--"),
        "the commonest class": ("majority", PALETTE[5], "^", ":"),
    }
    for name, (field, color, marker, line) in kinds.items():
        values = [getattr(each, field) for each in probes.values()]
        style = {"color": color, "marker": marker, "linestyle": line, "markersize": 4}
        axes.plot(range(len(probes)), values, label=name, linewidth=1.5, **style)
    light(axes)
    axes.set_ylim(0, 1.03)
    axes.set_xticks(range(len(probes)), probes, rotation=35, ha="right")
    axes.tick_params(axis="x", labelcolor=INK, labelsize=SMALL)
    axes.set_ylabel("accuracy, held-out pictures")
    style = {"ncols": 3, "frameon": False, "fontsize": SMALL, "labelcolor": INK}
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), **style)
    num_test = next(iter(probes.values())).num_test
    label(figure, MARGIN, MARGIN + 0.25, f"{num_test:,} held-out positions", ha="left", color=MUTED)
    return figure
