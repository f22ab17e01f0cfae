"""Which codes stand side by side more often than by chance: a table for each direction.

Dimensions: some (of the codes), side (of the picture of one code, in pixels).
"""

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure
from torch import Tensor

from src.interpret.code_pairs import CodePairs
from src.report.codebook import tiles_in_line
from src.report.film_strip import WIDTH
from src.report.look import (
    LARGE,
    MARGIN,
    MUTED,
    SIGNED_COLORS,
    label,
    new_figure,
    panel,
    show_picture,
)
from src.report.token_map import BAR_GAP, Scale, draw_bar, draw_map, nats_up_to

SIDE, STRIP = 3.1, 0.19  # inches, of a table and of the codes along it


def code_pairs_figure(
    across: CodePairs,
    down: CodePairs,
    ids: Int[Tensor, " some"],
    tiles: Float[Tensor, "codes 3 side side"],
    title: str = "",
) -> Figure:
    """Red: more often than by chance; blue: less often; grey: never.

    Args:
        ids: the codes to show, such as the most frequent ones, in that order.
        tiles: of `interpret.codebook.code_tiles`; they stand along the tables' sides.
    """
    tables = [pairs.table(ids).numpy() for pairs in (across, down)]
    most = nats_up_to(np.abs(np.stack(tables)))
    scale = Scale(SIGNED_COLORS, -most, most, "nats", (-most, 0, most))
    top = MARGIN + 1.02
    figure = new_figure(WIDTH, top + SIDE + MARGIN)
    heading = title or f"Pairs of the {len(ids)} codes shown, against chance"
    label(figure, MARGIN, MARGIN, heading, fontsize=LARGE, ha="left", weight="bold")
    note = "log p(pair) / (p(first) p(second)); grey: the pair never occurs"
    label(figure, MARGIN, MARGIN + 0.27, note, ha="left", color=MUTED)
    line = tiles_in_line(tiles, ids)
    names = (("left", "right", across), ("above", "below", down))
    for index, (first, second, pairs) in enumerate(names):
        left = MARGIN + 0.5 + index * (SIDE + 0.95)
        show_picture(panel(figure, left, top - STRIP - 0.03, SIDE, STRIP), line)
        beside = line.swapaxes(0, 1)
        show_picture(panel(figure, left - STRIP - 0.03, top, STRIP, SIDE), beside)
        for axes in figure.axes[-2:]:
            axes.set_aspect("auto")
        draw_map(panel(figure, left, top, SIDE, SIDE), tables[index], scale)
        said = f"{second} →   mutual information {pairs.mutual_information:.2f} nats"
        label(figure, left, top - STRIP - 0.1, said, ha="left", va="bottom")
        style = {"rotation": 90, "ha": "right", "va": "top"}
        label(figure, left - STRIP - 0.08, top, f"← {first}", **style)
    draw_bar(figure, left + SIDE + BAR_GAP, top, SIDE, scale)
    return figure
