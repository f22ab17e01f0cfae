"""Where and when the model changed its mind about a token that was still hidden.

Dimensions: steps, batch, height, width (in tokens).
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.errors import UserError, shown
from src.interpret.commit_order import was_drawn
from src.sampler.trace import Trace


class Flips(NamedTuple):
    """Of the positions that a step and the one before it both drew; step 1 has none."""

    has_flipped: Bool[Tensor, "steps batch height width"]  # another code than the step before
    is_redrawn: Bool[Tensor, "steps batch height width"]  # drawn in both: could have flipped

    @property
    def counts(self) -> Int[Tensor, "batch height width"]:
        """How often each position flipped in all."""
        return self.has_flipped.sum(dim=0)

    @property
    def shares(self) -> Float[Tensor, "steps batch"]:
        """The share, 0..1, of what each step drew again; NaN where it drew nothing again."""
        return self.has_flipped.sum(dim=(2, 3)) / self.is_redrawn.sum(dim=(2, 3))


def flips(trace: Trace, of: str = "drawn") -> Flips:
    """Compare each step's codes with those of the step before.

    of: "drawn" compares the codes drawn, which also flip by the draw's own chance; "likeliest"
        those the model held for the likeliest, which flip only because the canvas has changed.
    A token that was settled in between and hidden again has not flipped: it was taken back.
    Raises UserError for "likeliest" where the trace keeps no likeliest codes.
    """
    if of not in ("drawn", "likeliest"):
        raise UserError(f"of={shown(of)} is unknown; give 'drawn' or 'likeliest'.")
    if of == "likeliest" and (trace.opinion is None or not trace.opinion.top_ids.shape[-1]):
        raise UserError("this trace keeps no likeliest codes: record it with num_top=1 or more.")
    codes = trace.drawn_ids if of == "drawn" else trace.opinion.top_ids[..., 0]
    is_drawn = was_drawn(trace)
    never = torch.zeros_like(is_drawn[:1])
    is_redrawn = torch.cat([never, is_drawn[1:] & is_drawn[:-1]])
    differs = torch.cat([never, codes[1:] != codes[:-1]])
    return Flips(differs & is_redrawn, is_redrawn)
