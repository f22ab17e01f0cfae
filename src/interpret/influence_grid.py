"""What hangs on which token? Each position of a canvas changed in turn, as in `influence`.

Dimensions: height, width (in tokens), where the first pair of a map is the changed position and the
second one the watched; seq (= height * width, row by row).
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.amused import Amused
from src.errors import UserError, shown
from src.interpret.branch import Branch, canvas_after
from src.interpret.edits import Edits, Position
from src.interpret.influence import (
    TOGETHER,
    Cone,
    at_once,
    cone_of_pairs,
    next_likeliest,
    own_code,
    predictions,
    ring_of,
)
from src.interpret.resume import resume_many
from src.sampler.entropies import divergence

MEASURES = ("predictions", "pictures")


class InfluenceGrid(NamedTuple):
    """How much every position moves every other one."""

    after_step: int
    measure: str  # of MEASURES: nats of the next prediction, or 1 where the picture's code changed
    codes: Int[Tensor, "height width"]  # what each position was changed to, alone
    moved: Float[Tensor, "height width height width"]  # 0 where not open
    is_open: Bool[Tensor, "height width height width"]  # True = hidden after the step, and another

    @property
    def given(self) -> Float[Tensor, "height width"]:
        """How much all others move, on average, if this position is changed."""
        return self.moved.sum(dim=(2, 3)) / self.is_open.sum(dim=(2, 3)).clamp(min=1)

    @property
    def received(self) -> Float[Tensor, "height width"]:
        """How much this position moves, on average, if another one is; NaN where it cannot."""
        return self.moved.sum(dim=(0, 1)) / self.is_open.sum(dim=(0, 1))

    @property
    def cone(self) -> Cone:
        """The mean over all pairs, by distance."""
        height, width = self.codes.shape
        seq = height * width
        moved, is_open = (each.view(seq, seq) for each in (self.moved, self.is_open))
        return cone_of_pairs(moved, ring_of(height, width), is_open)


def influence_grid(
    amused: Amused,
    branch: Branch,
    after_step: int,
    measure: str = "predictions",
    together: int = TOGETHER,
) -> InfluenceGrid:
    """Change each position to its likeliest other code after a step, and watch all others.

    measure: "predictions" compares what the next step would draw from, two canvases a position;
        "pictures" finishes both pictures, as many steps more.
    Raises UserError as `influence`, and after the last step, when nothing can move any more.
    """
    if measure not in MEASURES:
        raise UserError(f"measure={shown(measure)} is unknown; give one of {', '.join(MEASURES)}.")
    if after_step == branch.num_steps:
        raise UserError(f"after the last step ({after_step}) no other token can move any more.")
    height, width = branch.grid
    places = [(row, column) for row in range(height) for column in range(width)]
    codes = [next_likeliest(branch, after_step, place, 1)[0] for place in places]
    bases = [Edits(pinned={place: own_code(branch, place)}) for place in places]
    edits = [Edits(pinned={place: code}) for place, code in zip(places, codes, strict=True)]
    if measure == "predictions":
        one, other = (
            predictions(amused, branch, after_step, each, together) for each in (bases, edits)
        )
        moved = divergence(one, other)  # (changed, watched)
    else:
        moved = _changed(amused, branch, after_step, bases, edits, together)
    is_open = _is_open(branch, after_step, places)
    shape = (*branch.grid, *branch.grid)
    return InfluenceGrid(
        after_step,
        measure,
        torch.tensor(codes).view(branch.grid),
        moved.view(shape).masked_fill(~is_open, 0.0),
        is_open,
    )


def _changed(
    amused: Amused,
    branch: Branch,
    after_step: int,
    bases: list[Edits],
    edits: list[Edits],
    together: int,
) -> Float[Tensor, "changed watched"]:
    """1 where the finished pictures have other codes."""
    with at_once(amused, together):
        drawn = resume_many(amused, branch, after_step, [*bases, *edits])
    ids = torch.cat([each.token_ids.flatten(1) for each in drawn])
    return (ids[: len(bases)] != ids[len(bases) :]).float()


def _is_open(
    branch: Branch, after_step: int, places: list[Position]
) -> Bool[Tensor, "height width height width"]:
    hidden = canvas_after(branch, after_step).is_masked.view(branch.grid)
    is_open = hidden.expand(*branch.grid, -1, -1).clone()
    for place in places:
        is_open[place][place] = False
    return is_open
