"""Figures of a data set before training: what is seen of each picture, and how they all are."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from src.report.look import (
    LARGE,
    MARGIN,
    MUTED,
    PALETTE,
    SMALL,
    label,
    light,
    new_figure,
    panel,
    show_picture,
    wrapped,
)

SIDE, GAP, COLUMNS = 1.45, 0.1, 2  # inches; cards side by side
HEADS = ("whole, and the crop", "what the model sees", "what its tokens keep")
CARD = len(HEADS) * (SIDE + GAP) + 0.25
TEXT = 0.6  # inches under a card: two lines of caption, one of numbers


class Card(NamedTuple):
    """One row of the data as a model meets it."""

    whole: Image.Image
    crop: np.ndarray  # uint8 (size, size, 3)
    kept: np.ndarray  # the crop from its tokens
    box: tuple[float, float, float]  # left, top, side of the crop, in pixels of the whole picture
    caption: str
    told: str  # the micro-conditions in words


def preview_figure(cards: Sequence[Card], title: str) -> Figure:
    """Every card: the picture with its crop drawn in, the crop, and the crop from its tokens."""
    columns = min(COLUMNS, len(cards))
    rows = -(-len(cards) // columns)
    top = MARGIN + 0.6
    figure = new_figure(2 * MARGIN + columns * CARD - 0.25, top + rows * (SIDE + TEXT) + MARGIN)
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    for index, card in enumerate(cards):
        left = MARGIN + index % columns * CARD
        row_top = top + index // columns * (SIDE + TEXT)
        for place, head in enumerate(HEADS):
            here = left + place * (SIDE + GAP)
            axes = panel(figure, here, row_top, SIDE, SIDE)
            show_picture(axes, (card.whole, card.crop, card.kept)[place])
            if place == 0:
                _draw_box(axes, card.box)
            if index < columns:
                label(figure, here + SIDE / 2, row_top - 0.08, head, color=MUTED, va="bottom")
        width = CARD - 0.35
        caption = wrapped(card.caption, width, max_lines=2)
        label(figure, left, row_top + SIDE + 0.06, caption, fontsize=SMALL, ha="left")
        label(
            figure, left, row_top + SIDE + 0.36, card.told, fontsize=SMALL, ha="left", color=MUTED
        )
    return figure


def survey_figure(
    sizes: Sequence[tuple[int | float, int | float]],
    caption_lengths: Sequence[int],
    *,
    picture_size: int,
    window: int,
    title: str,
) -> Figure:
    """How the pictures and captions of a data set are spread.

    Args:
        sizes: width and height of every picture, pixels. caption_lengths: ids.
        picture_size: what the model is given; pictures left of it are enlarged.
        window: ids the text encoder reads; captions right of it are cut.
    """
    figure = new_figure(9.6, 2.7)
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    spreads = (
        (
            [min(size) for size in sizes],
            "shorter side, pixels",
            picture_size,
            f"{picture_size}: what the model sees",
        ),
        ([width / height for width, height in sizes], "width / height", None, ""),
        (caption_lengths, "ids of a caption", window, f"{window}: what is read of it"),
    )
    for place, (values, name, mark, says) in enumerate(spreads):
        axes = panel(figure, MARGIN + 0.4 + place * 3.1, 0.75, 2.5, 1.3)
        light(axes)
        axes.hist(values, bins=min(30, max(5, len(set(values)))), color=PALETTE[0])
        axes.set_xlabel(name)
        axes.set_ylabel("pictures")
        if mark is not None:
            axes.axvline(mark, color=PALETTE[1], linewidth=1)
            axes.set_title(says, fontsize=SMALL, color=PALETTE[1], loc="right", pad=3)
    return figure


def pairs_figure(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]], names: Sequence[str], title: str
) -> Figure:
    """Pictures that are nearly the same, side by side, with what each pair is."""
    columns = min(3, len(pairs))
    rows = -(-len(pairs) // columns)
    width, height = 2 * SIDE + GAP + 0.3, SIDE + 0.35
    across = max(2 * MARGIN + columns * width - 0.3, 5.5)
    figure = new_figure(across, MARGIN + 0.35 + rows * height + MARGIN)
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    for index, (pair, name) in enumerate(zip(pairs, names, strict=True)):
        left = MARGIN + index % columns * width
        top = MARGIN + 0.35 + index // columns * height
        for place, picture in enumerate(pair):
            show_picture(panel(figure, left + place * (SIDE + GAP), top, SIDE, SIDE), picture)
        label(figure, left, top + SIDE + 0.06, name, fontsize=SMALL, ha="left", color=MUTED)
    return figure


def _draw_box(axes, box: tuple[float, float, float]) -> None:
    left, top, side = box
    corner = (left - 0.5, top - 0.5)  # a pixel's colour stands around its number
    for color, width in (("white", 2.6), (PALETTE[1], 1.2)):  # seen on any picture
        axes.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=color, linewidth=width))
