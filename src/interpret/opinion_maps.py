"""What the model thought of each position in each step: maps of five numbers, and their spread.

Dimensions: steps, batch, height, width (in tokens).
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.errors import UserError
from src.interpret.commit_order import confidence_maps, was_drawn
from src.sampler.trace import Trace


class OpinionMaps(NamedTuple):
    """Of the guided distribution, before temperature and noise; 0 where the step drew nothing."""

    probability: Float[Tensor, "steps batch height width"]  # of the code drawn, 0..1
    entropy: Float[Tensor, "steps batch height width"]  # nats, 0 (sure) .. ln codes (no idea)
    margin: Float[Tensor, "steps batch height width"]  # nats, the likeliest code's lead, from 0
    rank: Int[Tensor, "steps batch height width"]  # of the code drawn; 1 = the likeliest
    divergence: Float[Tensor, "steps batch height width"]  # nats, KL(guided || prompted), from 0
    is_drawn: Bool[Tensor, "steps batch height width"]  # hidden when the step began


class Quartiles(NamedTuple):
    """Over the positions that each step drew, in the unit of the map; NaN where it drew none."""

    lower: Float[Tensor, "steps batch"]
    median: Float[Tensor, "steps batch"]
    upper: Float[Tensor, "steps batch"]


MAPS = OpinionMaps._fields[:-1]


def opinion_maps(trace: Trace) -> OpinionMaps:
    """The maps of a recorded decoding; raises UserError where its opinions were not recorded.

    Where a corrector replaced a code in the step that drew it, the probability is that of the code
    which stayed, and the rank that of the code drawn first.
    """
    if trace.opinion is None:
        raise UserError("this trace keeps no opinions: record it with num_top=5, or any number.")
    is_drawn = was_drawn(trace)
    opinion = trace.opinion
    return OpinionMaps(
        probability=confidence_maps(trace).masked_fill(~is_drawn, 0.0),
        entropy=opinion.entropy,
        margin=opinion.margin,
        rank=opinion.rank,
        divergence=opinion.divergence,
        is_drawn=is_drawn,
    )


def quartiles(maps: OpinionMaps) -> dict[str, Quartiles]:
    """Median and quartiles of each map by its name, over the positions that each step drew."""
    return {name: _quartiles(getattr(maps, name), maps.is_drawn) for name in MAPS}


def _quartiles(
    values: Float[Tensor, "steps batch height width"] | Int[Tensor, "steps batch height width"],
    is_drawn: Bool[Tensor, "steps batch height width"],
) -> Quartiles:
    drawn = values.double().masked_fill(~is_drawn, torch.nan).flatten(2)  # (steps, batch, seq)
    places = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
    return Quartiles(*drawn.nanquantile(places, dim=2))
