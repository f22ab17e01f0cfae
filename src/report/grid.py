"""Pictures side by side: each above its prompt, or along two named axes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from src.report.look import (
    LARGE,
    MARGIN,
    MUTED,
    NORMAL,
    PALETTE,
    SMALL,
    label,
    new_figure,
    panel,
    show_picture,
    wrapped,
)

CELL, GAP = 1.55, 0.16  # inches
LINE_HEIGHT = 0.15
RIGHT, WRONG = PALETTE[2], PALETTE[1]

Picture = Image.Image | np.ndarray  # 8-bit RGB, (height, width, 3)


def picture_grid(
    pictures: Sequence[Picture],
    prompts: Sequence[str],
    columns: int = 4,
    is_right: Sequence[bool] | None = None,
    title: str = "",
    verdict: str = "as asked",
) -> Figure:
    """Pictures row by row, each above its prompt.

    Args:
        is_right: a mark on each picture, and in the title how many are right.
        verdict: what being right means, in the title.
    """
    _one_each("prompts", len(prompts), len(pictures))
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    captions = [wrapped(prompt, CELL - 0.05) for prompt in prompts]
    num_lines = max(caption.count("\n") for caption in captions) + 1
    step = CELL + 0.08 + num_lines * LINE_HEIGHT + GAP
    top = MARGIN + (0.42 if title or is_right is not None else 0)
    width = 2 * MARGIN + columns * CELL + (columns - 1) * GAP
    figure = new_figure(width, top + rows * step - GAP + MARGIN)
    if is_right is not None:
        _one_each("verdicts", len(is_right), len(pictures))
        title = f"{title}   {sum(is_right)} of {len(pictures)} {verdict}".strip()
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    for index, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        left = MARGIN + index % columns * (CELL + GAP)
        row_top = top + index // columns * step
        show_picture(panel(figure, left, row_top, CELL, CELL), picture)
        if is_right is not None:
            _mark(figure, left + CELL, row_top, is_right[index])
        label(figure, left + CELL / 2, row_top + CELL + 0.08, caption, fontsize=SMALL)
    return figure


def labelled_grid(
    pictures: Sequence[Sequence[Picture]],
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    title: str = "",
    note: str = "",
) -> Figure:
    """One picture for every pair of a row's and a column's setting: guidance against steps.

    Args:
        pictures: rows of pictures, as many in each as there are column labels.
        row_labels: as long as prompts; they are broken into lines.
        note: one line under the title, such as the prompt and the seed.
    """
    _one_each("row labels", len(row_labels), len(pictures))
    for row in pictures:
        _one_each("column labels", len(column_labels), len(row))
    side = 1.15
    row_labels = [wrapped(text, 1.7) for text in row_labels]
    names = max(len(line) for text in row_labels for line in text.splitlines()) * 0.072 + 0.2
    top = MARGIN + (0.28 if title else 0) + (0.24 if note else 0) + 0.3
    width = 2 * MARGIN + names + len(column_labels) * (side + 0.08)
    width = max(width, 2 * MARGIN + 0.078 * len(note), 2 * MARGIN + 0.11 * len(title))
    figure = new_figure(width, top + len(pictures) * (side + 0.08) + MARGIN)
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    label(figure, MARGIN, MARGIN + (0.28 if title else 0), note, color=MUTED, ha="left")
    for column, text in enumerate(column_labels):
        center = MARGIN + names + column * (side + 0.08) + side / 2
        label(figure, center, top - 0.08, text, va="bottom", fontsize=NORMAL)
    for row, (row_pictures, text) in enumerate(zip(pictures, row_labels, strict=True)):
        row_top = top + row * (side + 0.08)
        label(
            figure,
            MARGIN + names - 0.1,
            row_top + side / 2,
            text,
            ha="right",
            va="center",
            fontsize=SMALL,
        )
        for column, picture in enumerate(row_pictures):
            left = MARGIN + names + column * (side + 0.08)
            show_picture(panel(figure, left, row_top, side, side), picture)
    return figure


def _mark(figure: Figure, right: float, top: float, is_right: bool) -> None:
    """A sign in the picture's upper right corner, told apart by shape as well as by colour."""
    figure_width, figure_height = figure.get_size_inches()
    figure.text(
        (right - 0.05) / figure_width,
        1 - (top + 0.05) / figure_height,
        "✓" if is_right else "✗",
        ha="right",
        va="top",
        fontsize=NORMAL,
        color="white",
        bbox={
            "boxstyle": "circle,pad=0.18",
            "facecolor": RIGHT if is_right else WRONG,
            "edgecolor": "white",
            "linewidth": 0.8,
        },
        zorder=5,
    )


def _one_each(what: str, count: int, num_pictures: int) -> None:
    if count != num_pictures or num_pictures == 0:
        raise ValueError(f"{count} {what} for {num_pictures} pictures: one each, and at least one")
