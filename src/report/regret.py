"""Which tokens the model would not choose again, and what it would choose instead.

Dimensions: height, width (in tokens), top (of the likeliest codes).
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from src.interpret.regret import Regret
from src.report.film_strip import WIDTH
from src.report.grid import Picture
from src.report.look import (
    CONFIDENCE_COLORS,
    LARGE,
    MARGIN,
    MUTED,
    NATS_COLORS,
    NORMAL,
    SMALL,
    label,
    new_figure,
    panel,
    show_picture,
)
from src.report.token_map import BAR_ROOM, Scale, nats_up_to, outline, titled_map

SIDE, CROP, GAP = 2.05, 0.52, 0.06  # inches
TOP = MARGIN + 0.95
MARK = "#00b8d4"  # cyan: stands out from pictures and from magma alike
AROUND = 1  # tokens shown on each side of a replaced one
COLUMNS = 2  # of the worst tokens


def regret_figure(
    shown: Picture,
    regret: Regret,
    alternatives: Sequence[Sequence[Picture]] = (),
    title: str = "",
    picture: int = 0,
) -> Figure:
    """The picture, the regret of each token, its probability; below, the worst and their rivals.

    Args:
        shown: the picture decoded.
        alternatives: for each of `regret.worst(picture, len(alternatives))`, in that order, the
            picture decoded with each of its likeliest codes in that place: of
            `interpret.regret.with_alternatives`.
        picture: which of the batch.

    Raises:
        ValueError: more alternatives than tokens that the model regrets.
    """
    worst = regret.worst(picture, max(10, len(alternatives)))
    if len(alternatives) > len(worst):
        raise ValueError(f"{len(alternatives)} alternatives for {len(worst)} regretted tokens")
    lines = -(-len(alternatives) // COLUMNS)
    below = 0.55 + lines * (CROP + 0.34) if lines else 0.15
    figure = new_figure(WIDTH, TOP + SIDE + below + MARGIN)
    heading = title or "Each token, guessed from all others"
    label(figure, MARGIN, MARGIN, heading, fontsize=LARGE, ha="left", weight="bold")
    total, count = float(regret.pseudo_log_likelihood[picture]), int(regret.is_asked[picture].sum())
    note = f"pseudo-log-likelihood {total:.1f} nats over {count} tokens; framed: the worst"
    label(figure, MARGIN, MARGIN + 0.27, note, ha="left", color=MUTED, fontsize=NORMAL)
    _draw_maps(figure, shown, regret, worst, picture)
    for index, (place, each) in enumerate(zip(worst, alternatives, strict=False)):
        left = MARGIN + index % COLUMNS * (WIDTH - 2 * MARGIN) / COLUMNS
        top = TOP + SIDE + 0.5 + index // COLUMNS * (CROP + 0.34)
        _draw_rivals(figure, left, top, index + 1, shown, each, regret, (picture, *place))
    return figure


def _draw_maps(
    figure: Figure, shown: Picture, regret: Regret, worst: list[tuple[int, int]], picture: int
) -> None:
    is_asked = regret.is_asked[picture].numpy()
    height, width = is_asked.shape
    axes = panel(figure, MARGIN, TOP, SIDE, SIDE)
    show_picture(axes, shown)
    axes.images[0].set_extent((-0.5, width - 0.5, height - 0.5, -0.5))
    label(figure, MARGIN, TOP - 0.07, "picture", ha="left", va="bottom")
    values = regret.regret[picture].numpy()
    scale = Scale(NATS_COLORS, 0, nats_up_to(values), "nats")
    left, step = MARGIN + SIDE + 0.3, SIDE + BAR_ROOM + 0.15
    name = "regret: log p(best) / p(token)"
    middle = titled_map(figure, left, TOP, SIDE, values, scale, name, is_asked)
    probability = regret.log_prob[picture].exp().numpy()
    scale = Scale(CONFIDENCE_COLORS, 0, 1, "0..1", (0, 0.5, 1))
    name = "probability given all others"
    titled_map(figure, left + step, TOP, SIDE, probability, scale, name, is_asked)
    for each in (axes, middle):
        _frame(each, worst, (height, width))


def _frame(axes: Axes, worst: list[tuple[int, int]], grid: tuple[int, int]) -> None:
    """The worst tokens framed, with their numbers where cells have room for them."""
    is_worst = np.zeros(grid, dtype=bool)
    for number, (row, column) in enumerate(worst, start=1):
        is_worst[row, column] = True
        if max(grid) <= 16:
            style = {"ha": "center", "va": "center", "color": MARK, "weight": "bold"}
            axes.text(column, row, str(number), fontsize=min(7, 90 / max(grid)), **style)
    outline(axes, is_worst, 0.46, edgecolor=MARK, linewidth=1.2)


def _draw_rivals(
    figure: Figure,
    left: float,
    top: float,
    number: int,
    shown: Picture,
    rivals: Sequence[Picture],
    regret: Regret,
    at: tuple[int, int, int],
) -> None:
    """The token among its neighbours, and then each of its likeliest codes in its place."""
    grid = tuple(regret.is_asked.shape[1:])
    label(figure, left, top + CROP / 2, str(number), ha="left", va="center", weight="bold")
    for index, each in enumerate([shown, *rivals]):
        place = left + 0.22 + index * (CROP + GAP) + (0.1 if index else 0)
        axes = panel(figure, place, top, CROP, CROP)
        show_picture(axes, _around(each, at[1:], grid))
        if index == 0:
            log_prob = float(regret.log_prob[at])
        else:
            log_prob = float(regret.top_log_probs[at][index - 1])
        said = _percent(float(np.exp(log_prob)))
        said = f"kept\n{said}" if index == 0 else f"{int(regret.top_ids[at][index - 1])}\n{said}"
        style = {"fontsize": SMALL - 1.5, "color": MUTED, "linespacing": 1.05}
        label(figure, place + CROP / 2, top + CROP + 0.03, said, **style)


def _percent(share: float) -> str:
    if share < 0.001:
        return "< 0.1 %"
    return f"{100 * share:.1f} %" if share < 0.0995 else f"{100 * share:.0f} %"


def _around(picture: Picture, position: tuple[int, ...], grid: tuple[int, ...]) -> np.ndarray:
    """The pixels of a token and its neighbours; at the rim there are fewer."""
    pixels = np.asarray(picture)
    ends = []
    for place, count, length in zip(position, grid, pixels.shape[:2], strict=True):
        side = length // count
        ends.append(slice(max(0, place - AROUND) * side, min(count, place + AROUND + 1) * side))
    return pixels[ends[0], ends[1]]
