"""What each head is good for: a field a head, a row a site; the numbers are written in.

Dimensions: sites, heads.
"""

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from src.interpret.ablate_heads import HeadEffects
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
from src.report.token_map import BAR_ROOM, NOTHING, Scale, draw_bar, nats_up_to

HEIGHT = 0.27  # inches, of a row
SMALL_EFFECT = 0.05  # nats; where no effect is larger, they are shown in thousandths
MOST_WRITTEN = 12  # heads a site, whose numbers have room


def heads_figure(found: HeadEffects, title: str = "") -> Figure:
    """Red: the true codes are likelier with the head; grey: the site has no such head."""
    num_heads = max(len(each) for each in found.effects)
    values = np.full((len(found.sites), num_heads), np.nan)
    for row, effects in enumerate(found.mean):
        values[row, : len(effects)] = effects.numpy()
    names = 0.2 + 0.068 * max(map(len, found.sites))
    side = min(0.62, (8.0 - names) / num_heads)
    is_small = np.nanmax(np.abs(values)) < SMALL_EFFECT
    values = 1000 * values if is_small else values
    unit = "nats / 1000" if is_small else "nats"
    end = nats_up_to(np.abs(values), 0.01)
    scale = Scale(SIGNED_COLORS, -end, end, unit, (-end, 0, end))
    top, tall = MARGIN + 0.75, len(found.sites) * HEIGHT
    wide = num_heads * side
    figure = new_figure(
        max(2 * MARGIN + names + wide + 0.1 + BAR_ROOM, 5.5), top + max(tall, 0.9) + 0.75
    )
    title = title or f"Log-probability of the true codes lost without a head ({found.way})"
    label(figure, MARGIN, MARGIN, title, fontsize=LARGE, ha="left", weight="bold")
    note = f"{unit} a hidden token, mean over {len(found.log_likelihood)} pictures"
    label(figure, MARGIN, MARGIN + 0.28, note, color=MUTED, ha="left")
    axes = panel(figure, MARGIN + names, top, wide, tall)
    axes.set_facecolor(NOTHING)
    colors, norm = colormaps[SIGNED_COLORS], Normalize(-end, end)
    axes.imshow(np.ma.masked_invalid(values), cmap=colors, norm=norm, aspect="auto")
    if num_heads <= MOST_WRITTEN:
        for (row, head), value in np.ndenumerate(values):
            if np.isfinite(value):
                ink = PAPER if abs(value) > 0.6 * end else INK
                style = {"ha": "center", "va": "center", "color": ink, "fontsize": SMALL}
                axes.text(head, row, f"{value:.2f}".replace("-0.00", "0.00"), **style)
    bare(axes)
    axes.set_yticks(range(len(found.sites)), found.sites, fontsize=SMALL, color=MUTED)
    axes.set_xticks(range(num_heads), range(num_heads), fontsize=SMALL, color=MUTED)
    axes.tick_params(length=0)
    axes.set_xlabel("head", fontsize=SMALL, color=MUTED)
    draw_bar(figure, MARGIN + names + wide + 0.1, top, max(min(tall, 1.4), 0.9), scale)
    return figure
