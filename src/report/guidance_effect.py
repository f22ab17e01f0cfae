"""What guidance did at each step: three entropies, and where it changed the likeliest code.

Dimensions: steps, batch, height, width (in tokens).
"""

import math

import numpy as np
from jaxtyping import Bool
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from src.interpret.checked import check_count, check_picture
from src.interpret.guidance_effect import GuidanceEffect
from src.report.film_strip import StripRow, film_strip
from src.report.look import NATS_COLORS, PALETTE, bare
from src.report.token_map import NOTHING, Scale, draw_map, outline

CHANGED, SAME = PALETTE[1], "#f4f5f7"
ROWS = (
    ("conditional_entropy", "prompt alone", "entropy;\ngrey: settled\nbefore"),
    ("unconditional_entropy", "without prompt", "entropy"),
    ("guided_entropy", "guided", "entropy of what\ncodes are drawn\nfrom"),
)


def guidance_effect_figure(
    effect: GuidanceEffect, num_codes: int, title: str = "", note: str = "", picture: int = 0
) -> Figure:
    """A film strip: entropy with the prompt, without it and guided; red where the code changed.

    Args:
        num_codes: of the codebook; the end of the entropies' scale is its logarithm.
        picture: which of the batch.

    Raises:
        UserError: a picture of the batch, or a number of codes, that cannot be.
    """
    check_picture(picture, effect.is_drawn.shape[1])
    check_count("num_codes", num_codes)
    seen = effect.is_drawn[:, picture].numpy()
    most = math.log(num_codes)
    nats = Scale(NATS_COLORS, 0, most, "nats", (0, round(most / 2, 1), round(most, 1)))

    def row(key: str, name: str, explanation: str) -> StripRow:
        values = getattr(effect, key)[:, picture].float().numpy()

        def draw(axes: Axes, step: int) -> None:
            draw_map(axes, values[step], nats, seen[step])

        return StripRow(name, explanation, draw, nats)

    has_changed = effect.has_changed[:, picture].numpy()

    def draw_changed(axes: Axes, step: int) -> None:
        _draw_changed(axes, has_changed[step], seen[step])

    shares = effect.shares_changed[:, picture].tolist()
    scales = effect.scale[:, picture].tolist()
    step, times = ("", "s=") if len(seen) > 9 else ("step ", "scale ")
    heads = [
        f"{step}{number}\n{times}{scale:.3g}\n{_percent(share)}"
        for number, (scale, share) in enumerate(zip(scales, shares, strict=True), start=1)
    ]
    last = StripRow("changed", "red: guidance made\nanother code the\nlikeliest", draw_changed)
    return film_strip(
        [row(*each) for each in ROWS] + [last],
        heads,
        title or "What guidance did, step by step",
        note
        or "Above: the guidance scale, and at how many positions it changed the likeliest code",
    )


def _draw_changed(
    axes: Axes,
    has_changed: Bool[np.ndarray, "height width"],
    is_drawn: Bool[np.ndarray, "height width"],
) -> None:
    height, width = has_changed.shape
    axes.set_facecolor(NOTHING)
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), aspect="equal")
    outline(axes, is_drawn & ~has_changed, 0.5, facecolor=SAME, linewidth=0)
    outline(axes, has_changed, 0.5, facecolor=CHANGED, linewidth=0)
    bare(axes)


def _percent(share: float) -> str:
    return "none" if math.isnan(share) else f"{100 * share:.0f} %"
