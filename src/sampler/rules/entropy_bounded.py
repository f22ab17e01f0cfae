"""The entropy-bounded sampler: reveal as many at once as their entropies allow.

Dimensions: hidden (tokens of one image).
"""

from jaxtyping import Float
from torch import Tensor

from src.sampler.entropies import entropy
from src.sampler.one_picture import Choice, Draws, Seen, draw_codes, tempered
from src.sampler.plan import StepPlan


def decide(seen: Seen, draws: Draws, now: StepPlan) -> Choice:
    """Keep the longest row of sure positions with sum of entropies - largest entropy <= bound.

    The error of drawing codes independently is their total correlation, at most that difference.
    At least one is kept; bound 0 is one a step. The number of steps follows from the picture, up to
    num_steps, whose last one keeps all that is left. Tokens of images carry several nats, so bounds
    for text (0.1) are too small here. Source: Ben-Hamu et al. 2025 (arXiv 2505.24857).
    """
    table = tempered(seen, now)  # (hidden, codes)
    nats = entropy(table)
    sure_first = _unsureness(table, nats, now.config.entropy_bound.sort_by)
    order = sure_first.argsort(stable=True)
    sorted_nats = nats[order]
    error = sorted_nats.cumsum(dim=0) - sorted_nats.cummax(dim=0).values
    is_kept = error <= now.config.entropy_bound.bound  # rises: a prefix
    is_kept[0] = True
    is_hidden = seen.is_masked.clone()
    is_hidden[seen.positions[order[is_kept]]] = False
    return Choice(draw_codes(seen, draws, now), is_hidden, int(is_hidden.sum()))


def _unsureness(
    table: Float[Tensor, "hidden codes"], nats: Float[Tensor, "hidden"], sort_by: str
) -> Float[Tensor, "hidden"]:
    """What the row is sorted by, the surest lowest."""
    if sort_by == "entropy":
        return nats
    best, second = table.topk(2, dim=-1).values.exp().unbind(dim=-1)
    return -best if sort_by == "max_probability" else second - best
