"""Keep the positions where the model hesitates least.

Dimensions: seq (tokens of one image, row by row).
"""

from src.sampler.entropies import entropy
from src.sampler.one_picture import Choice, Draws, Seen, add_gumbel, draw_codes, keep_highest
from src.sampler.plan import StepPlan


def decide(seen: Seen, draws: Draws, now: StepPlan) -> Choice:
    """Keep the smallest entropy, in nats, less choice temperature x Gumbel noise."""
    score = add_gumbel(-entropy(seen.log_probs.double()), seen, draws, now)
    return keep_highest(draw_codes(seen, draws, now), score, seen, now)
