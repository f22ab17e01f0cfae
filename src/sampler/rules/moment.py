"""The moment sampler: choose the positions first, then draw their codes.

Dimensions: seq (tokens of one image, row by row), codes.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from src.sampler.draw import draw_by_inversion
from src.sampler.one_picture import (
    FOR_CHOICE,
    FOR_CODE,
    Choice,
    Draws,
    Seen,
    keep_highest,
    tempered,
)
from src.sampler.plan import StepPlan


def decide(seen: Seen, draws: Draws, now: StepPlan) -> Choice:
    """What the published sampler does when it keeps few of many, with its two knobs apart.

    To keep the largest log p(x) + t x Gumbel, with x ~ q, is to weigh a position by the moment
    w = sum over codes of q p^(1/t), keep the largest log w + Gumbel, and draw the code from
    q p^(1/t) / w. With q = p that is p^b and b = 1 + 1/t: a falling choice temperature sharpens the
    codes too, without saying so. `moment.position_exponent` and `moment.token_exponent` set b for
    each apart. (Hayakawa et al. 2025, arXiv 2510.04525.)
    """
    drawn_from = tempered(seen, now)
    settings, temperature = now.config.moment, now.choice_temperature
    weighed = _sharpened(drawn_from, seen, settings.position_exponent, temperature)
    score = weighed.logsumexp(dim=-1)  # (hidden,)
    if settings.position_exponent is not None or temperature > 0:
        score = score + seen.at_hidden(draws.gumbel(FOR_CHOICE))
    table = _sharpened(drawn_from, seen, settings.token_exponent, temperature)
    uniform = seen.at_hidden(draws.uniform(FOR_CODE))
    codes = draw_by_inversion(table.log_softmax(dim=-1), uniform, 1.0)
    return keep_highest(codes, score, seen, now)


def _sharpened(
    drawn_from: Float[Tensor, "hidden codes"],
    seen: Seen,
    exponent: float | None,
    temperature: float,
) -> Float[Tensor, "hidden codes"]:
    """log(q p^(b - 1)); at temperature 0 the largest p alone counts."""
    log_probs = seen.log_probs.double()
    if exponent is None and temperature == 0:
        best = log_probs.argmax(dim=-1, keepdim=True)
        return torch.full_like(log_probs, -torch.inf).scatter(-1, best, log_probs.gather(-1, best))
    power = 1 / temperature if exponent is None else exponent - 1
    if power == 0:
        return drawn_from
    possible = drawn_from > -torch.inf  # 0 x infinity is no number
    return drawn_from + power * log_probs.masked_fill(~possible, 0.0)
