"""Two branches of a decoding side by side: where they end apart, and where they went apart.

Dimensions: height, width (in tokens).
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.errors import UserError
from src.interpret.branch import Branch, canvas_after, last_asked
from src.interpret.commit_order import GIVEN, confidence_maps


class Difference(NamedTuple):
    """What the second of two branches has otherwise than the first."""

    differs: Bool[Tensor, "height width"]  # True = another code in the finished picture
    one_kept: Int[Tensor, "height width"]  # the step that kept it, from 1; GIVEN = given or pinned
    other_kept: Int[Tensor, "height width"]
    confidence: Float[Tensor, "height width"]  # -1..1, the second's probability less the first's;
    # NaN where a code was given or pinned in one of them: that is nobody's probability
    num_steps: int
    first_apart: int | None  # the first step after which the canvases differ; None = never

    @property
    def share(self) -> float:
        """Of tokens that differ, 0..1."""
        return float(self.differs.float().mean())


def compare(one: Branch, other: Branch) -> Difference:
    """Of the finished pictures; raises UserError for other grids or numbers of steps."""
    if one.grid != other.grid or one.num_steps != other.num_steps:
        raise UserError(
            f"only branches of one decoding can be compared: these have {one.grid} and "
            f"{other.grid} tokens and {one.num_steps} and {other.num_steps} steps."
        )
    apart = (one.trace.token_ids != other.trace.token_ids).flatten(1).any(dim=1)  # (steps,)
    first, second = (confidence_maps(each.trace)[-1, 0] for each in (one, other))
    is_known = [_is_known(each) for each in (one, other)]
    return Difference(
        differs=(one.token_ids != other.token_ids)[0],
        one_kept=_kept(one),
        other_kept=_kept(other),
        confidence=(second - first).masked_fill(is_known[0] | is_known[1], torch.nan),
        num_steps=one.num_steps,
        first_apart=int(torch.nonzero(apart)[0]) + 1 if apart.any() else None,
    )


def _kept(branch: Branch) -> Int[Tensor, "height width"]:
    """The step that drew each token last, which kept it; not of the trace: edits hide again too."""
    return last_asked(branch)[-1].view(branch.grid).masked_fill(_is_known(branch), GIVEN)


def _is_known(branch: Branch) -> Bool[Tensor, "height width"]:
    """True where the finished picture has a code that was given or pinned, not drawn."""
    return canvas_after(branch, branch.num_steps).is_given.view(branch.grid)
