"""Reveal positions row by row, as text is written: what an autoregressive model would do.

Dimensions: seq (tokens of one image, row by row).
"""

from src.sampler.one_picture import Choice, Draws, Seen, draw_codes, keep_highest
from src.sampler.plan import StepPlan


def decide(seen: Seen, draws: Draws, now: StepPlan) -> Choice:
    """Keep the next positions from the top left; neighbours are drawn together: costly."""
    return keep_highest(draw_codes(seen, draws, now), -seen.positions.double(), seen, now)
