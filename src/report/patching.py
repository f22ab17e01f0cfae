"""What each part of one pass does in another: layers against parts, and word by word.

Dimensions: layers, kinds (of parts), words.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from src.interpret.patched_pictures import PatchedPictures
from src.interpret.patching import KINDS, Effects
from src.report.film_strip import WIDTH
from src.report.grid import Picture, picture_grid
from src.report.look import (
    INK,
    LARGE,
    MARGIN,
    MUTED,
    PAPER,
    SIGNED_COLORS,
    SMALL,
    bare,
    label,
    new_figure,
    panel,
)
from src.report.token_map import BAR_GAP, NOTHING, Scale, draw_bar

FIELD_WIDTH, FIELD_HEIGHT = 1.05, 0.3  # inches, of layers against parts
NAMES, WORD_HEIGHT, WORD_NAMES = 0.75, 0.34, 0.95
SAID = {
    "denoising": ("share restored", "clean parts in the corrupt pass; 1 = as the clean one"),
    "noising": ("share lost", "corrupt parts in the clean pass; 1 = as the corrupt one"),
}


def effects_figure(found: Effects, words: Sequence[str], title: str = "") -> Figure:
    """Layers against parts above, the prompt's places below; from 0 = nothing happens.

    Noising is drawn as what is lost, so that in both directions red is an effect.

    Args:
        words: what stands at the prompt's places, from the first; the places behind the last are
            padding, and one field shows their mean.

    Raises:
        ValueError: more words than places, or none.
    """
    if not 0 < len(words) <= len(found.words):
        raise ValueError(f"give 1 to {len(found.words)} words, not {len(words)}")
    layers, names, values = _shown(found, words)
    numbers = np.concatenate([layers.ravel(), values.ravel()])
    end = float(max(1.0, np.ceil(10 * np.nanmax(np.abs(numbers))) / 10))
    unit, note = SAID[found.direction]
    scale = Scale(SIGNED_COLORS, -end, end, unit, (-end, 0, end))
    top = MARGIN + 0.95
    tall = len(layers) * FIELD_HEIGHT
    below = top + max(tall, 0.9) + 0.75
    figure = new_figure(WIDTH, below + WORD_HEIGHT + WORD_NAMES + MARGIN / 2)
    heading = title or "Where the word acts"
    label(figure, MARGIN, MARGIN, heading, fontsize=LARGE, ha="left", weight="bold")
    note = f"{note}; logit difference, mean over {found.num_places} positions"
    label(figure, MARGIN, MARGIN + 0.28, note, color=MUTED, ha="left")
    label(figure, MARGIN, top - 0.28, f"parts of layers, {found.direction}", ha="left", va="bottom")
    axes = panel(figure, MARGIN + NAMES, top, len(KINDS) * FIELD_WIDTH, tall)
    _fields(axes, layers, end)
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(KINDS)), [kind.replace("_", " ") for kind in KINDS])
    rows = ["input", *(f"layer {layer}" for layer in range(len(layers) - 1))]
    axes.set_yticks(range(len(rows)), rows)
    left = MARGIN + NAMES + len(KINDS) * FIELD_WIDTH + BAR_GAP + 0.05
    draw_bar(figure, left, top, max(tall, 0.9), scale)
    wide = WIDTH - 2 * MARGIN - 0.4
    label(figure, MARGIN, below - 0.08, "the prompt, place by place", ha="left", va="bottom")
    axes = panel(figure, MARGIN + 0.4, below, wide, WORD_HEIGHT)
    _fields(axes, values[None], end, is_written=len(names) <= 22)
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks([])
    for each in figure.axes[:1] + figure.axes[2:]:
        each.tick_params(length=0, labelsize=SMALL, labelcolor=INK)
    return figure


def patched_pictures_figure(pictures: Sequence[Picture], found: PatchedPictures) -> Figure:
    """The clean picture, the corrupt one, and the corrupt one with each patch, on one noise.

    Args:
        pictures: decoded, in this order.
    """
    captions = ["clean", f"corrupt: {found.apart:.0%} of tokens differ from clean"]
    for name, far in zip(found.names, found.from_clean.tolist(), strict=True):
        captions.append(f"corrupt with {name} of clean: {far:.0%} differ")
    return picture_grid(pictures, captions, columns=5, title="One noise, patched in every step")


def _shown(
    found: Effects, words: Sequence[str]
) -> tuple[Float[np.ndarray, "layers kinds"], list[str], Float[np.ndarray, "fields"]]:
    """As drawn: 0 is nothing, in both directions; the fields of the prompt with their names."""
    layers = np.full((len(found.layers) + 1, len(KINDS)), np.nan, dtype=np.float32)
    layers[0, 0], layers[1:] = found.at_input, found.layers.numpy()
    places = found.words.numpy()
    names, values = list(words), list(places[: len(words)])
    if len(words) < len(places):
        names.append("padding, mean")
        values.append(places[len(words) :].mean())
    names += ["all places", "pooled"]
    fields = np.array([*values, found.all_words, found.pooled], dtype=np.float32)
    if found.direction == "noising":
        return 1 - layers, names, 1 - fields
    return layers, names, fields


def _fields(
    axes: Axes, values: Float[np.ndarray, "rows columns"], end: float, is_written: bool = True
) -> None:
    axes.set_facecolor(NOTHING)
    norm = Normalize(-end, end)
    axes.imshow(
        np.ma.masked_invalid(values), cmap=colormaps[SIGNED_COLORS], norm=norm, aspect="auto"
    )
    bare(axes)
    for (row, column), value in np.ndenumerate(values):
        if is_written and np.isfinite(value):
            ink = PAPER if abs(value) > 0.6 * end else INK
            text = f"{value:.2f}".replace("-0.00", "0.00")
            axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=6.5)
