"""Keep the positions whose best code is most probable, whichever code was drawn there.

Dimensions: seq (tokens of one image, row by row).
"""

from src.sampler.one_picture import Choice, Draws, Seen, add_gumbel, draw_codes, keep_highest
from src.sampler.plan import StepPlan


def decide(seen: Seen, draws: Draws, now: StepPlan) -> Choice:
    """Keep the largest max log p + choice temperature x Gumbel noise.

    Unlike the published sampler, a lucky draw of a rare code does not make its position wait, so
    rare codes are not weeded out.
    """
    best = seen.log_probs.amax(dim=-1)  # (hidden,)
    return keep_highest(draw_codes(seen, draws, now), add_gumbel(best, seen, draws, now), seen, now)
