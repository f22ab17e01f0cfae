"""Keep the positions where the best code is far ahead of the second.

Dimensions: seq (tokens of one image, row by row).
"""

from src.sampler.one_picture import Choice, Draws, Seen, add_gumbel, draw_codes, keep_highest
from src.sampler.plan import StepPlan


def decide(seen: Seen, draws: Draws, now: StepPlan) -> Choice:
    """Keep the largest p(best) - p(second) + choice temperature x Gumbel noise.

    The margin lies in 0..1, so a choice temperature counts for more than with log-probabilities.
    Source: Kim et al. 2025, "Train for the worst, plan for the best" (top probability margin).
    """
    best, second = seen.log_probs.double().topk(2, dim=-1).values.exp().unbind(dim=-1)
    score = add_gumbel(best - second, seen, draws, now)
    return keep_highest(draw_codes(seen, draws, now), score, seen, now)
