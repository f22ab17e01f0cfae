"""Edits beside what they were made from.

Pictures are 8-bit, height x width x 3 (or 4: transparent); masks are True where repainted.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from src.report.grid import Picture, labelled_grid
from src.report.painted import with_mask

MOST_SHOWN = 8  # edits of a gallery


def edit_gallery(
    inputs: Sequence[np.ndarray],
    masks: Sequence[np.ndarray],
    columns: Mapping[str, Sequence[Picture]],
    prompts: Sequence[str],
    title: str = "",
) -> Figure:
    """A row an edit: its input with what is repainted, then a column for each kind of edit.

    Where all is repainted, the input is shown as it is.
    """
    rows = [
        [_input(inputs[row], masks[row]), *(np.asarray(some[row]) for some in columns.values())]
        for row in range(min(MOST_SHOWN, len(inputs)))
    ]
    return labelled_grid(rows, prompts[: len(rows)], ["input", *columns], title)


def video_sheet(videos: Sequence[Sequence[Picture]], prompts: Sequence[str]) -> Figure:
    """A row a video, a column a frame."""
    heads = [f"frame {number}" for number in range(len(videos[0]))]
    return labelled_grid(videos[:MOST_SHOWN], prompts[:MOST_SHOWN], heads)


def _input(picture: np.ndarray, is_painted: np.ndarray) -> np.ndarray:
    nowhere = np.zeros_like(is_painted)  # enlarged like the others
    return with_mask(picture, nowhere if is_painted.all() else is_painted)
