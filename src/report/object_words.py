"""Objects' names held against their masks: some scenes to look at, and all scores.

Dimensions: objects, height, width (in tokens).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from src.interpret.object_words import COVERED, Looked
from src.interpret.word_maps import word_maps
from src.report.grid import Picture
from src.report.look import (
    INK,
    LARGE,
    MARGIN,
    MUTED,
    PALETTE,
    SIGNED_COLORS,
    SMALL,
    label,
    light,
    new_figure,
    panel,
    show_picture,
    wrapped,
)
from src.report.token_map import BAR_ROOM, Scale, draw_bar, draw_map, nats_up_to, outline
from src.report.word_maps import share_scale

SIDE, GAP, CAPTION = 1.2, 0.12, 0.42  # inches
ROW = 0.3  # of the scores
MOST_SHOWN = 0.95  # share of the changes that the scale holds; the others are darkest


def found_figure(pictures: Sequence[Picture], looked: Sequence[Looked]) -> Figure:
    """A row a scene: the picture; for two of its objects the name's drop map and its attention.

    Framed: the object's own cells. Flat grey: cells that the model was shown, which do not count.

    Raises:
        ValueError: not one picture a scene, or a scene of one object.
    """
    if len(pictures) != len(looked) or not all(len(each.names) == 2 for each in looked):
        raise ValueError(f"{len(pictures)} pictures for {len(looked)} scenes of two objects each")
    drops = [each.drop.change[0, :2].numpy() for each in looked]
    reads = [_attended(each) for each in looked]
    at_hidden = [np.abs(drop[:, each.is_hidden]) for drop, each in zip(drops, looked, strict=True)]
    every = np.concatenate(at_hidden, axis=1)
    end = nats_up_to(np.quantile(every, [MOST_SHOWN]))
    extend = "both" if every.max() > end else "neither"
    scales = (
        Scale(SIGNED_COLORS, -end, end, "nats", (-end, 0, end), extend),
        share_scale(np.concatenate(reads)),
    )
    row_height = SIDE + GAP + CAPTION
    top = MARGIN + 0.62
    inner = 5 * (SIDE + GAP) + 2 * BAR_ROOM + 0.1
    figure = new_figure(inner + 2 * MARGIN, top + len(looked) * row_height + MARGIN / 2)
    title = "What dropping a name changes, and where the name is read"
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    note = "red: without the name, the true code is less likely; framed: the object; grey: shown"
    note += "; arrows: beyond the scale" if extend == "both" else ""
    label(figure, MARGIN, MARGIN + 0.26, note, color=MUTED, ha="left")
    for row, (picture, each) in enumerate(zip(pictures, looked, strict=True)):
        row_top = top + CAPTION + row * row_height
        caption = wrapped(each.drop.words.prompt, inner)
        style = {"ha": "left", "va": "bottom", "fontsize": SMALL, "color": MUTED}
        label(figure, MARGIN, row_top - 0.18, caption, **style)
        show_picture(panel(figure, MARGIN, row_top, SIDE, SIDE), picture)
        for which in range(2):
            left = MARGIN + SIDE + GAP + which * 2 * (SIDE + GAP)
            name = each.drop.words.texts[each.names[which]]
            maps = (drops[row][which], reads[row][which])
            for column, (values, kind) in enumerate(zip(maps, ("dropped", "read"), strict=True)):
                place = left + column * (SIDE + GAP)
                style = {"va": "bottom", "fontsize": SMALL}
                label(figure, place + SIDE / 2, row_top - 0.03, f"{name} {kind}", **style)
                axes = panel(figure, place, row_top, SIDE, SIDE)
                draw_map(axes, values, scales[column], each.is_hidden.numpy())
                is_object = (each.coverage[which] > COVERED).numpy()
                outline(axes, is_object, 0.42, edgecolor=INK, linewidth=0.8)
        if row == 0:
            for index, scale in enumerate(scales):
                left = MARGIN + 5 * (SIDE + GAP) + index * (BAR_ROOM + 0.1)
                draw_bar(figure, left, row_top, SIDE, scale)
    return figure


def scores_figure(
    scores: Mapping[str, Mapping[str, tuple[float, float, float]]],
    num_scenes: int,
    goal: float | None = None,
) -> Figure:
    """A row a kind of map: the mean AUROC with its interval, from 0 to 1; 0.5 = no relation.

    Args:
        scores: by which cells are the object's, then by map: mean, low, high. The same maps in all.
        goal: a line to hold them against.
    """
    maps = list(next(iter(scores.values())))
    names = 0.2 + 0.068 * max(map(len, maps))
    width, tall = 7.6 - names, ROW * len(maps)
    figure = new_figure(9.0, MARGIN + 0.75 + tall + 0.6)
    title = "How well do the maps find the object?"
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    note = f"{num_scenes} scenes of two objects; intervals over scenes"
    label(figure, MARGIN, MARGIN + 0.26, note, color=MUTED, ha="left")
    axes = panel(figure, MARGIN + names, MARGIN + 0.65, width, tall)
    light(axes)
    axes.axvline(0.5, color=MUTED, linewidth=0.8)
    if goal is not None:
        axes.axvline(goal, color=PALETTE[2], linewidth=1.0, linestyle="--", label=f"{goal:g}")
    shifts = np.linspace(-0.16, 0.16, len(scores)) if len(scores) > 1 else [0.0]
    for color, mark, shift, (group, found) in zip(
        PALETTE, "os^v", shifts, scores.items(), strict=False
    ):
        for row, (mean, low, high) in enumerate(found.values()):
            axes.plot([low, high], [row + shift, row + shift], color=color, linewidth=2)
            axes.plot(
                [mean],
                [row + shift],
                mark,
                color=color,
                markersize=4.5,
                label=None if row else group,
            )
    for row, name in enumerate(maps):
        said = "  ".join(f"{found[name][0]:.3f}" for found in scores.values())
        axes.text(1.03, row, said, ha="left", va="center", fontsize=SMALL, color=INK)
    axes.legend(loc="lower left", fontsize=SMALL, frameon=False)
    axes.set_ylim(len(maps) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.set_yticks(range(len(maps)), maps, fontsize=SMALL)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_xlabel("AUROC over the hidden cells")
    return figure


def _attended(looked: Looked) -> np.ndarray:
    """The map of each name's attention, over all sites and heads."""
    maps = word_maps(looked.attention.words, looked.attention.mean()).maps
    return maps[list(looked.names)].numpy()
