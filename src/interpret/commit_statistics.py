"""Does a sampler keep tokens that stand together? Counts, distances and clustering of its order.

Dimensions: steps, batch (pictures), height, width (in tokens), seq (positions), draws (of chance).
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from src.errors import UserError, shown
from src.interpret.commit_order import GIVEN, NEVER, commit_steps
from src.sampler.trace import Trace

INTERVAL = (0.025, 0.975)  # of what chance gives


class KeptCurve(NamedTuple):
    """How many tokens are settled after each step, without those given at the start."""

    num_kept: Int[Tensor, "steps batch"]
    num_scheduled: Int[Tensor, "steps batch"]  # that the schedule would have settled


class AgainstChance(NamedTuple):
    """A number, beside the same number of shuffled orders; NaN where it is not defined."""

    observed: Float[Tensor, "*where"]
    expected: Float[Tensor, "*where"]  # mean of the shuffled orders
    low: Float[Tensor, "*where"]  # 95 % of the shuffled orders lie between low ...
    high: Float[Tensor, "*where"]  # ... and high


class CommitStatistics(NamedTuple):
    """Of each picture's order; shuffling is over the positions that were drawn and kept."""

    distance: AgainstChance  # batch steps; tokens, to the nearest one kept in the same step
    moran: AgainstChance  # batch; -1..1, above chance = neighbours are kept at like times


def kept_curve(trace: Trace) -> KeptCurve:
    """The settled tokens against the schedule.

    A step that did nothing for a picture schedules nothing to be hidden: there the two agree only
    if the picture was finished.
    """
    at_start = (~trace.is_given).sum(dim=(1, 2))  # (batch,)
    return KeptCurve(at_start - trace.num_masked, at_start - trace.num_scheduled)


def commit_statistics(trace: Trace, generator: Generator, num_draws: Any = 999) -> CommitStatistics:
    """How the tokens of one step lie to each other, and how smooth the whole order is.

    The distance is the mean over the tokens of a step of that to the nearest other token of the
    same step, between centres (Halton-MaskGIT, arXiv 2503.17076, asks the samplers this). Moran's
    I is over pairs that share a side (Moran 1950), ties and all.

    num_draws: how often the order is shuffled; time grows with it and with seq squared.
    Raises UserError for less than 20 draws, of which no interval can be read.
    """
    if type(num_draws) is not int or num_draws < 20:
        raise UserError(f"num_draws={shown(num_draws)} gives no interval; give 20 or more.")
    found = [
        _of_picture(order, trace.num_steps, generator, num_draws) for order in commit_steps(trace)
    ]
    distance, moran = zip(*found, strict=True)
    return CommitStatistics(*(_against_chance(torch.stack(each, 1)) for each in (distance, moran)))


def nearest_distance(
    order: Int[Tensor, "seq"], distances: Float[Tensor, "seq seq"], num_steps: int
) -> Float[Tensor, "steps"]:
    """Mean distance to the nearest position of the same step; NaN for a step of less than two.

    order: steps from 1. distances: of any unit, infinite from a position to itself.
    """
    is_same = order[:, None] == order[None]
    nearest = distances.masked_fill(~is_same, torch.inf).amin(dim=1)  # (seq,)
    nothing = torch.zeros(num_steps, dtype=distances.dtype)
    count = nothing.index_add(0, order - 1, torch.ones_like(nearest))
    total = nothing.index_add(0, order - 1, nearest)
    return (total / count).masked_fill(count < 2, torch.nan)


def moran_i(
    values: Float[Tensor, "seq"], is_neighbour: Bool[Tensor, "seq seq"]
) -> Float[Tensor, ""]:
    """Moran's I: the correlation of neighbours; about -1 / (seq - 1) by chance.

    NaN where all values are equal or no two positions are neighbours.
    """
    centred = values - values.mean()
    weights = is_neighbour.to(values.dtype)
    together = (centred @ weights @ centred) / weights.sum()
    return together / centred.square().mean()


def _of_picture(
    order: Int[Tensor, "height width"], num_steps: int, generator: Generator, num_draws: int
) -> tuple[Float[Tensor, "draws steps"], Float[Tensor, "draws"]]:
    """Distances and Moran's I of the order itself, and then of so many shuffled ones."""
    is_kept = (order != GIVEN) & (order != NEVER)
    places = is_kept.nonzero().double()  # (seq, 2)
    if len(places) == 0:
        return torch.full((1 + num_draws, num_steps), torch.nan).double(), torch.full(
            (1 + num_draws,), torch.nan
        ).double()
    apart = torch.cdist(places, places, compute_mode="donot_use_mm_for_euclid_dist")
    is_neighbour = apart == 1
    distances = apart.fill_diagonal_(torch.inf)
    now, orders = order[is_kept], [order[is_kept]]
    for _ in range(num_draws):
        orders.append(now[torch.randperm(len(now), generator=generator)])
    return (
        torch.stack([nearest_distance(each, distances, num_steps) for each in orders]),
        torch.stack([moran_i(each.double(), is_neighbour) for each in orders]),
    )


def _against_chance(values: Float[Tensor, "all *where"]) -> AgainstChance:
    """The first of the values against the others."""
    observed, shuffled = values[0], values[1:]
    ends = shuffled.nanquantile(torch.tensor(INTERVAL, dtype=values.dtype), dim=0)
    return AgainstChance(observed, shuffled.nanmean(dim=0), *ends)
