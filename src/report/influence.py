"""What hangs on a token: branches with another code in its place, and how far it reaches.

Dimensions: branches, height, width (in tokens), rings.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from src.interpret.influence import Cone, Influence
from src.interpret.influence_grid import InfluenceGrid
from src.report.film_strip import WIDTH, StripRow, film_strip
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
from src.report.token_map import Scale, draw_map, nats_up_to, outline, titled_map

SIDE = 1.95  # inches, of a map
CURVE, COUNTS = 1.25, 0.45  # heights of a cone's curve and of its counts
FRAME = "#e07b00"  # around the changed position; in none of the maps


def influence_figure(
    pictures: Sequence[Picture], found: Influence, title: str = "", note: str = ""
) -> Figure:
    """A column a branch: its picture, where it ended apart, and what it changed at once.

    The first column is what all are compared with; its maps are the means over the branches. Grey
    is what could not move: settled before the change.

    Args:
        pictures: the base's, and one a branch, in order.

    Raises:
        ValueError: not as many pictures.
    """
    if len(pictures) != len(found.branches) + 1:
        raise ValueError(f"{len(pictures)} pictures for a base and {len(found.branches)} branches")
    changed = (found.changed & found.is_open).float().numpy()
    apart, is_open = found.divergence.numpy(), found.is_open.numpy()
    share = Scale(DIFFERENCE_COLORS, 0, 1, "share", (0, 0.5, 1))
    nats = Scale(NATS_COLORS, 0, nats_up_to(apart, 0.01), "nats")

    def picture(axes: Axes, column: int) -> None:
        show_picture(axes, pictures[column])
        height, width = is_open.shape
        rows, columns = np.asarray(pictures[column]).shape[:2]
        cell, row = columns / width, found.position[0] + 0.5
        x, y = (found.position[1] + 0.5) * cell - 0.5, row * rows / height - 0.5
        axes.plot(x, y, "s", markersize=7, fillstyle="none", color=FRAME, markeredgewidth=1.4)

    def at(values: np.ndarray, scale: Scale) -> Callable[[Axes, int], None]:
        def draw(axes: Axes, column: int) -> None:
            shown = values.mean(axis=0) if column == 0 else values[column - 1]
            draw_map(axes, shown, scale, is_open)
            _frame(axes, found)

        return draw

    rows = [
        StripRow("picture", "framed: the\nposition changed", picture),
        StripRow("ended apart", "another code;\nfirst: mean", at(changed, share), share),
        StripRow("told at once", "KL of the next\nstep; first: mean", at(apart, nats), nats),
    ]
    own, *others = found.codes
    heads = [f"own code\n{own}"]
    for code, each in zip(others, changed, strict=True):
        heads.append(f"code {code}\n{int(each.sum())} moved")
    where = f"row {found.position[0]}, column {found.position[1]}"
    heading = title or f"{where} changed after step {found.after_step}"
    return film_strip(rows, heads, heading, note)


def cone_figure(cones: Mapping[str, Cone], unit: str, title: str = "") -> Figure:
    """Influence against distance, a colour a cone, above the number of pairs behind each point.

    unit: what is on the upright axis, such as "share of tokens changed".

    Raises:
        ValueError: no cone.
    """
    if not cones:
        raise ValueError("there is no cone to draw")
    figure = new_figure(5.2, MARGIN + 0.45 + CURVE + COUNTS + 0.75)
    heading = title or "How far a change reaches"
    label(figure, MARGIN, MARGIN, heading, fontsize=LARGE, ha="left", weight="bold")
    _draw_cones(figure, MARGIN + 0.5, MARGIN + 0.45, 4.0, cones, unit)
    return figure


def influence_grid_figure(found: InfluenceGrid, title: str = "") -> Figure:
    """How much each position moves others, how much it is moved, and how far that reaches."""
    is_share = found.measure == "pictures"
    top = MARGIN + 0.62
    figure = new_figure(WIDTH, top + SIDE + 0.7)
    heading = title or f"Each token changed alone after step {found.after_step}"
    label(figure, MARGIN, MARGIN, heading, fontsize=LARGE, ha="left", weight="bold")
    maps = (("moves the others", found.given), ("is moved; grey: settled", found.received))
    for column, (name, field) in enumerate(maps):
        values = field.numpy()
        end = nats_up_to(values, 0.001)
        scale = Scale(NATS_COLORS, 0, end, "nats")
        if is_share:
            scale = Scale(DIFFERENCE_COLORS, 0, min(1.0, end), "share of pairs")
        titled_map(figure, MARGIN + column * (SIDE + 0.82), top, SIDE, values, scale, name)
    left = MARGIN + 2 * (SIDE + 0.82) + 0.5
    unit = "share ended apart" if is_share else "KL of the next step, nats"
    label(figure, left, top - 0.07, "by distance", ha="left", va="bottom", fontsize=NORMAL)
    wide = WIDTH - MARGIN - left
    _draw_cones(figure, left, top, wide, {"mean": found.cone}, unit, SIDE - COUNTS - 0.08)
    return figure


def _draw_cones(
    figure: Figure,
    left: float,
    top: float,
    wide: float,
    cones: Mapping[str, Cone],
    unit: str,
    tall: float = CURVE,
) -> None:
    curve = panel(figure, left, top, wide, tall)
    counts = panel(figure, left, top + tall + 0.08, wide, COUNTS)
    for index, (name, cone) in enumerate(cones.items()):
        color, distance = PALETTE[index % len(PALETTE)], cone.distance.numpy()
        curve.plot(distance, cone.moved.numpy(), "o-", color=color, markersize=3.5, label=name)
        at = distance + 0.8 * ((index + 0.5) / len(cones) - 0.5)
        counts.bar(at, cone.num_pairs.numpy(), width=0.8 / len(cones), color=color, alpha=0.55)
    if len(cones) > 1:
        curve.legend(fontsize=SMALL, frameon=False, labelcolor=INK)
    last = max(int(cone.distance.max()) for cone in cones.values())
    for axes in (curve, counts):
        axes.set_xlim(0.4, last + 0.6)
        axes.set_ylim(0, None)
        light(axes)
    curve.tick_params(labelbottom=False)
    curve.set_ylabel(unit)
    counts.yaxis.set_major_locator(MaxNLocator(2, integer=True))
    counts.xaxis.set_major_locator(MaxNLocator(integer=True))
    counts.set_ylabel("pairs", color=MUTED)
    counts.set_xlabel("tokens apart (the larger of rows and columns)")


def _frame(axes: Axes, found: Influence) -> None:
    """Where the code was changed."""
    is_changed = np.zeros(found.is_open.shape, dtype=bool)
    is_changed[found.position] = True
    outline(axes, is_changed, 0.5, edgecolor=FRAME, linewidth=1.4)
