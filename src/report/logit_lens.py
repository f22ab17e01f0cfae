"""The model's pass finished after each layer: what it would have drawn, and how far that is off.

Dimensions: steps, layers (the first is what layer 0 finds, the last what the model says).
"""

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from torch import Tensor

from src.interpret.logit_lens import LogitLens
from src.report.film_strip import WIDTH, StripRow, film_strip
from src.report.grid import Picture
from src.report.look import (
    INK,
    LARGE,
    MARGIN,
    MUTED,
    NORMAL,
    PALETTE,
    SMALL,
    label,
    light,
    new_figure,
    panel,
    show_picture,
)

LOW, HIGH = 0.1, 0.9  # quantiles of the band
AXIS, GAP, HEIGHT = 0.45, 0.35, 2.2  # inches


def lens_strip(
    pictures: Sequence[Sequence[Picture]], lens: LogitLens, title: str = "", note: str = ""
) -> Figure:
    """A row a layer, a column a step.

    Args:
        pictures: `lens.shown_ids` decoded: of every step its layers, in order.

    Raises:
        ValueError: not a picture a step and layer.
    """
    num_steps, num_layers = lens.divergence.shape[:2]
    if len(pictures) != num_steps or {len(row) for row in pictures} != {num_layers}:
        raise ValueError(f"give {num_layers} pictures for each of {num_steps} steps")
    rows = []
    for layer, values in enumerate(lens.hidden(lens.divergence)):

        def draw(axes, step, layer=layer):
            show_picture(axes, pictures[step][layer])

        is_model = layer == num_layers - 1 and not lens.skips_up
        told = f"KL {float(values.mean()):.2f} nats\nfrom the model"
        rows.append(StripRow(layer_name(layer), "what the\nmodel says" if is_model else told, draw))
    counts = lens.is_masked.sum(dim=(1, 2)).tolist()
    heads = [f"step {step}\n{count} hidden" for step, count in enumerate(counts, start=1)]
    skipped = ", without the last stage" if lens.skips_up else ""
    return film_strip(rows, heads, title or f"The pass finished after each layer{skipped}", note)


def lens_curves(lenses: Mapping[str, LogitLens], title: str = "") -> Figure:
    """Divergence, agreement and rank against the layer, a colour a lens.

    Over the hidden positions of all steps: the median with its band from the 10 % to the 90 %
    quantile, and the share of positions.

    Raises:
        ValueError: no lens, or lenses of different models.
    """
    depths = {lens.divergence.shape[1] for lens in lenses.values()}
    if len(depths) != 1:
        raise ValueError(f"give lenses of one model; these have {sorted(depths)} layers")
    (num_layers,) = depths
    wide = (WIDTH - 2 * MARGIN - 3 * AXIS - 2 * GAP) / 3
    top = MARGIN + 0.75
    figure = new_figure(WIDTH, top + HEIGHT + 0.85)
    heading = title or "How soon the layers know what the model will say"
    label(figure, MARGIN, MARGIN, heading, fontsize=LARGE, ha="left", weight="bold")
    names = ("KL(lens || model), nats", "same likeliest code, share", "rank of the model's code")
    for column, name in enumerate(names):
        left = MARGIN + AXIS + column * (wide + AXIS + GAP)
        axes = panel(figure, left, top, wide, HEIGHT)
        label(figure, left, top - 0.08, name, ha="left", va="bottom", fontsize=NORMAL)
        for (kind, lens), color in zip(lenses.items(), PALETTE, strict=False):
            field = (lens.divergence, lens.agrees.float(), lens.rank.float())[column]
            _curve(axes, lens.hidden(field), kind, color, is_share=column == 1)
        short = [layer_name(layer).removeprefix("layer ") for layer in range(num_layers)]
        axes.set_xticks(range(num_layers), short)
        axes.set_xlabel("after layer")
        _upright(axes, column)
    if len(lenses) > 1:  # in the line below the title
        place = (MARGIN / WIDTH, 1 - (MARGIN + 0.22) / figure.get_size_inches()[1])
        style = {"frameon": False, "labelcolor": INK, "borderaxespad": 0, "borderpad": 0}
        handles = figure.axes[0].lines
        figure.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=place,
            ncols=4,
            fontsize=SMALL,
            **style,
        )
    counts = {int(lens.is_masked.sum()) for lens in lenses.values()}
    note = f"median and {LOW:.0%} to {HIGH:.0%} of {max(counts):,} hidden positions of all steps"
    label(figure, MARGIN, top + HEIGHT + 0.45, note, color=MUTED, ha="left", fontsize=SMALL)
    return figure


def layer_name(layer: int) -> str:
    """Of an entry of a lens; entry 0 is what layer 0 finds."""
    return "input" if layer == 0 else f"layer {layer - 1}"


def _upright(axes: Axes, column: int) -> None:
    """Shares from 0 to 1; nats and ranks by their size, for they span hundreds."""
    if column == 0:
        axes.set_yscale("symlog", linthresh=0.1)
    elif column == 2:
        axes.set_yscale("log")
    axes.set_ylim((0, 0, 0.9)[column], 1.02 if column == 1 else None)
    if column != 1:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    axes.minorticks_off()
    light(axes)


def _curve(axes: Axes, values: Sequence[Tensor], name: str, color: str, is_share: bool) -> None:
    places = range(len(values))
    if is_share:
        middle = [float(each.mean()) for each in values]
    else:
        levels = torch.tensor([LOW, 0.5, HIGH])
        low, middle, high = zip(*(each.quantile(levels).tolist() for each in values), strict=True)
        axes.fill_between(places, low, high, color=color, alpha=0.18, linewidth=0)
    axes.plot(places, middle, "o-", color=color, markersize=3.5, linewidth=1.6, label=name)
