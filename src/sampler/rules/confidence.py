"""aMUSEd's sampler: keep the codes the model was surest of, hide the others again, repeat.

Dimensions: hidden (tokens of one image).
"""

from src.sampler.one_picture import Choice, Draws, Seen, add_gumbel, draw_codes, keep_highest
from src.sampler.plan import StepPlan


def decide(seen: Seen, draws: Draws, now: StepPlan) -> Choice:
    """Keep the largest log p(code drawn) + choice temperature x Gumbel noise.

    The probability is that of the guided distribution, whatever the sampling temperature: a low
    one makes every draw certain, but says nothing about how sure the model was.
    (MaskGIT section 3.2; aMUSEd section 3.)
    """
    codes = draw_codes(seen, draws, now)
    log_prob = seen.log_probs.gather(1, codes[:, None])[:, 0]  # (hidden,)
    return keep_highest(codes, add_gumbel(log_prob, seen, draws, now), seen, now)
