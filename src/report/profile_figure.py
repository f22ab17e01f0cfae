"""Where the time goes, as bars: the parts, below them what each is made of, and the floor."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from src.evaluation.time_shares import PARTS, Share
from src.report.look import (
    INK,
    LARGE,
    MARGIN,
    MUTED,
    PALETTE,
    PAPER,
    SMALL,
    label,
    light,
    new_figure,
    panel,
)

WIDTH, BAR, LABELS, LEGEND = 7.2, 0.62, 0.75, 0.19  # inches
COLUMNS = 3  # of the legend
NARROW = 0.075  # of the whole: a name needs more
LINES = ("parts", "kinds", "floor")
GREYS = ("#8b93a1", "#4b5262", "#a9b0bc", "#6b7280", "#c3c8d1")  # of the parts: kinds have colors


def profile_figure(shares: Sequence[Share], floors: Mapping[str, float], title: str) -> Figure:
    """Horizontal bars of one generation, in percent of its time; they add up to 100.

    floors: the least seconds, by part; parts without one need none.
    """
    total = sum(each.seconds for each in shares)
    kinds = list(dict.fromkeys(each.kind for each in sorted(shares, key=lambda s: -s.seconds)))
    top, height = MARGIN + 0.8, len(LINES) * BAR
    below = 0.5 + LEGEND * (-(-len(kinds) // COLUMNS)) + 0.1
    figure = new_figure(2 * MARGIN + LABELS + WIDTH, top + height + below + MARGIN)
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    least = sum(floors.values())
    said = f"{total:.3g} s under the profiler, {total / least:.1f} times the floor's {least:.3g} s"
    label(figure, MARGIN, MARGIN + 0.26, said, fontsize=SMALL, ha="left", color=MUTED)
    sums = {p: 100 * sum(s.seconds for s in shares if s.part == p) / total for p in PARTS}
    said = "parts from the left: " + ", ".join(f"{p} {share:.1f} %" for p, share in sums.items())
    label(figure, MARGIN, MARGIN + 0.44, said, fontsize=SMALL, ha="left", color=MUTED)
    axes = panel(figure, MARGIN + LABELS, top, WIDTH, height)
    looks = {kind: _look(index) for index, kind in enumerate(kinds)}
    place, floor_place = 0.0, 0.0
    for index, part in enumerate(PARTS):
        own = [each for each in shares if each.part == part]
        color, share = GREYS[index], sums[part]
        _bar(axes, 0, place, share, color, f"{part}\n{share:.1f} %")
        for each in own:
            width = 100 * each.seconds / total
            _bar(axes, 1, place, width, *looks[each.kind], f"{width:.0f} %")
            place += width
        floor = 100 * floors.get(part, 0.0) / total
        _bar(axes, 2, floor_place, floor, color, f"{floor:.0f} %")
        floor_place += floor
    axes.set_yticks(range(len(LINES)), LINES)
    axes.set_ylim(len(LINES) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.set_xlabel("% of the time of one generation")
    light(axes)
    _name_kinds(figure, looks, top + height + 0.5)
    return figure


def _look(index: int) -> tuple[str, str]:
    """Color and hatch of a kind: once all colors are used, hatched ones."""
    return PALETTE[index % len(PALETTE)], "" if index < len(PALETTE) else "////"


def _bar(axes: Axes, line: int, left: float, width: float, color: str, *told: str) -> None:
    """One piece, named where there is room. told: hatch if any, then the name."""
    hatch, name = told if len(told) == 2 else ("", told[0])
    axes.barh(line, width, 0.78, left, color=color, hatch=hatch, edgecolor=PAPER, linewidth=0.8)
    if width > 100 * NARROW:
        axes.text(
            left + width / 2, line, name, ha="center", va="center", fontsize=SMALL, color=PAPER
        )


def _name_kinds(figure: Figure, looks: Mapping[str, tuple[str, str]], top: float) -> None:
    """The kinds' colors in columns, below the bars."""
    for index, (kind, (color, hatch)) in enumerate(looks.items()):
        left = MARGIN + LABELS + index % COLUMNS * WIDTH / COLUMNS
        place = top + index // COLUMNS * LEGEND
        axes = panel(figure, left, place, 0.14, 0.11)
        axes.barh(0, 1, 1, color=color, hatch=hatch, edgecolor=PAPER, linewidth=0)
        axes.set_xlim(0, 1)
        axes.set_ylim(-0.5, 0.5)
        axes.axis("off")
        label(figure, left + 0.2, place - 0.01, kind, fontsize=SMALL, ha="left", color=INK)
