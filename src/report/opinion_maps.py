"""What the model thought, step by step: maps under the picture so far, and their spread.

Dimensions: steps, batch, height, width (in tokens).
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from torch import Tensor

from src.interpret.checked import check_count, check_picture
from src.interpret.opinion_maps import OpinionMaps, Quartiles
from src.report.film_strip import WIDTH, StripRow, film_strip
from src.report.grid import Picture
from src.report.look import (
    CONFIDENCE_COLORS,
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
from src.report.token_map import Scale, draw_map, nats_up_to

PANELS = {  # name of the map: title, unit
    "probability": ("probability of the code drawn", "0..1"),
    "entropy": ("entropy", "nats"),
    "margin": ("lead of the likeliest code", "nats"),
    "rank": ("rank of the code drawn", "1 = likeliest"),
    "divergence": ("guided from prompted", "KL, nats"),
}


def opinion_maps_figure(
    pictures: Sequence[Picture],
    maps: OpinionMaps,
    is_masked: Bool[Tensor, "steps batch height width"],
    num_codes: int,
    title: str = "",
    note: str = "",
    picture: int = 0,
) -> Figure:
    """A film strip: the picture so far, probability, entropy, and what guidance did.

    Flat grey: settled before the step. Hatched, in the second row: drawn, and hidden after it.

    Args:
        pictures: `trace.drawn_ids` of that picture decoded, one a step.
        is_masked: of the trace: still hidden after each step.
        num_codes: of the codebook; the end of the entropy's scale is its logarithm.
        picture: which of the batch.

    Raises:
        ValueError: not one picture a step.
        UserError: a picture of the batch, or a number of codes, that cannot be.
    """
    check_picture(picture, is_masked.shape[1])
    check_count("num_codes", num_codes)
    if len(pictures) != len(is_masked):
        raise ValueError(f"{len(pictures)} pictures for {len(is_masked)} steps: give one a step")
    seen, hidden = maps.is_drawn[:, picture].numpy(), is_masked[:, picture].numpy()
    most, moved = math.log(num_codes), maps.divergence[:, picture].numpy()
    scales = {
        "probability": Scale(CONFIDENCE_COLORS, 0, 1, "0..1", (0, 0.5, 1)),
        "entropy": Scale(NATS_COLORS, 0, most, "nats", (0, round(most / 2, 1), round(most, 1))),
        "divergence": Scale(NATS_COLORS, 0, nats_up_to(moved), "nats"),
    }

    def row(key: str, name: str, explanation: str) -> StripRow:
        values = getattr(maps, key)[:, picture].float().numpy()

        def draw(axes: Axes, step: int) -> None:
            hatched = hidden[step] if key == "probability" else None  # once is enough
            draw_map(axes, values[step], scales[key], seen[step], hatched)

        return StripRow(name, explanation, draw, scales[key])

    told = "of the code drawn;\ngrey: settled before;\nhatched: hidden"
    rows = (
        StripRow("picture", "what is hidden\nas last drawn", _shower(pictures)),
        row("probability", "probability", told),
        row("entropy", "entropy", f"0 = sure;\n{most:.1f} = all {num_codes:,}\ncodes alike"),
        row("divergence", "guidance", "KL of guided\nfrom prompted"),
    )
    heads = [f"step {step + 1}\n{hidden[step].sum()} hidden" for step in range(len(hidden))]
    if len(heads) > 8:
        heads = [f"{step + 1}\n{hidden[step].sum()} left" for step in range(len(hidden))]
    return film_strip(rows, heads, title or "What the model thought, step by step", note)


def opinion_quartiles_figure(
    found: Mapping[str, Quartiles], num_codes: int, title: str = "", picture: int = 0
) -> Figure:
    """Median and quartiles over the positions that each step drew, a panel a number.

    Args:
        found: of `interpret.opinion_maps.quartiles`.

    Raises:
        UserError: a picture of the batch, or a number of codes, that cannot be.
    """
    check_picture(picture, found["probability"].median.shape[1])
    check_count("num_codes", num_codes)
    figure = new_figure(WIDTH, 4.7)
    heading = title or "Over the positions that each step drew"
    label(figure, MARGIN, MARGIN, heading, fontsize=LARGE, ha="left", weight="bold")
    for index, (name, (heading, unit)) in enumerate(PANELS.items()):
        left = MARGIN + 0.42 + index % 3 * 2.85
        axes = panel(figure, left, MARGIN + 0.62 + index // 3 * 2.05, 2.2, 1.35)
        _draw_quartiles(axes, found[name], picture)
        axes.set_title(heading, fontsize=NORMAL, loc="left", color=INK, pad=6)
        axes.set_ylabel(unit)
        axes.set_xlabel("step")
        if name == "probability":
            axes.set_ylim(0, 1.02)
        elif name == "entropy":
            axes.set_ylim(0, 1.05 * math.log(num_codes))
            axes.axhline(math.log(num_codes), color=MUTED, linewidth=0.8, linestyle=":")
        elif name == "rank":
            axes.set_yscale("log")
            axes.set_ylim(0.9, max(12, 1.2 * float(np.nanmax(found[name].upper[:, picture]))))
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
            axes.minorticks_off()
        else:
            axes.set_ylim(0, None)
        light(axes)
    key = "line: median\nband: from the lower\nto the upper quartile\ndotted: all codes alike"
    style = {"ha": "left", "va": "top", "color": MUTED, "fontsize": SMALL, "linespacing": 1.4}
    label(figure, MARGIN + 0.42 + 2 * 2.85, MARGIN + 0.62 + 2.05, key, **style)
    return figure


def _shower(pictures: Sequence[Picture]):
    def draw(axes: Axes, step: int) -> None:
        show_picture(axes, pictures[step])

    return draw


def _draw_quartiles(axes: Axes, found: Quartiles, picture: int) -> None:
    lower, median, upper = (each[:, picture].numpy() for each in found)
    steps = np.arange(1, len(median) + 1)
    axes.fill_between(steps, lower, upper, color=PALETTE[0], alpha=0.22, linewidth=0)
    axes.plot(steps, median, color=PALETTE[0], linewidth=1.6, marker="o", markersize=2.5)
    axes.set_xlim(0.5, len(steps) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
