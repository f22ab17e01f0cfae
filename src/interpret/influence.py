"""What hangs on one token? It is changed in the middle of a decoding, and all others are watched.

A position gets another code after a step and the decoding goes on, on the same noise. What it is
compared with has the same position pinned to its own code, so that the number of tokens known is
the same and all that differs follows from the code. Two things are watched: the finished picture,
and, without any noise, what the model predicts for the positions that are hidden in the next step.

Dimensions: branches, height, width (in tokens), seq (= height * width, row by row), codes, rings.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.amused import Amused
from src.errors import UserError, shown
from src.interpret.ask_again import check_same_model, rows_of
from src.interpret.branch import Branch, canvas_after, joined, told_by
from src.interpret.checked import check_count
from src.interpret.edits import (
    Edits,
    Position,
    check_edits,
    check_list_of_edits,
    edited,
    without_forbidden,
)
from src.interpret.resume import resume_many
from src.predicting import predict_for
from src.sampler.entropies import divergence
from src.sampler.guidance import guidance_of_pictures, guide, needs_unconditional
from src.sampler.opinion import NO_CODE
from src.sampler.plan import make_plan

TOGETHER = 8  # canvases in a pass of the model


class Influence(NamedTuple):
    """Of one position; `base` is what every branch is compared with."""

    position: Position
    after_step: int
    codes: tuple[int, ...]  # what the position has in the base, then in each branch, at the end
    base: Branch
    branches: tuple[Branch, ...]
    divergence: Float[Tensor, "branches height width"]  # nats, KL(base || branch); 0 if not open
    is_open: Bool[Tensor, "height width"]  # other positions hidden after the step: they can move

    @property
    def changed(self) -> Bool[Tensor, "branches height width"]:
        """Where the finished pictures differ, the position itself included."""
        finished = torch.cat([branch.token_ids for branch in self.branches])
        return finished != self.base.token_ids

    @property
    def moved(self) -> Float[Tensor, "height width"]:
        """The influence map: share of branches in which an open position ended as another code."""
        return (self.changed & self.is_open).float().mean(dim=0)


class Cone(NamedTuple):
    """Influence against distance, in rings: max(rows apart, columns apart), from 1."""

    distance: Int[Tensor, "rings"]
    moved: Float[Tensor, "rings"]  # mean over pairs: a share, or nats; NaN where there is no pair
    num_pairs: Int[Tensor, "rings"]  # of a changed and an open position


def influence(
    amused: Amused,
    branch: Branch,
    after_step: int,
    position: Position,
    codes: Any = None,
    num_codes: Any = 3,
    together: int = TOGETHER,
) -> Influence:
    """Pin a position to other codes after a step, and compare with pinning it to its own.

    codes: one or more; None = the `num_codes` likeliest ones beside its own; see `next_likeliest`.
    together: canvases in a pass of the model, quicker above 1, which may move the last bits.
    Raises UserError for a step or position that is not there, and for a change after the last step
    but by `codes`.
    """
    own = own_code(branch, position)
    if codes is None:
        if after_step == branch.num_steps:
            raise UserError(
                f"after the last step ({after_step}) nothing is drawn any more; give the codes to "
                "compare with, or go back by a step or more."
            )
        codes = next_likeliest(branch, after_step, position, num_codes)
    if not isinstance(codes, Sequence) or not codes:
        raise UserError(f"codes={shown(codes)} names none to compare with; give some, as [3, 4].")
    edits = [Edits(pinned={position: code}) for code in (own, *codes)]
    return _compared(amused, branch, after_step, position, edits, together)


def influence_of_forbidding(
    amused: Amused, branch: Branch, after_step: int, position: Position, together: int = TOGETHER
) -> Influence:
    """Forbid a position the code that it ended with, and compare with the unedited branch.

    Its next best code under the same noise comes in its place, when its turn comes; one that is
    settled is hidden again. The divergence is that of the step right after, so it is 0 where the
    position was hidden anyway: forbidding shows nothing to the others before a code is drawn.
    """
    own = own_code(branch, position)
    canvas = canvas_after(branch, after_step)
    is_settled = not canvas.is_masked.view(branch.grid)[position]
    hidden = [position] if is_settled else []
    edits = [Edits(), Edits(forbidden={position: [own]}, hidden=hidden)]
    return _compared(amused, branch, after_step, position, edits, together)


def own_code(branch: Branch, position: Position) -> int:
    """The code that a position ended with; raises UserError for a position off the grid."""
    check_edits(Edits(hidden=[position]), branch.grid, branch.mask_token_id)
    return int(branch.token_ids[0][position])


def next_likeliest(
    branch: Branch, after_step: int, position: Position, num_codes: int
) -> tuple[int, ...]:
    """The likeliest codes of a position beside its own, when it was last drawn up to a step.

    After step 0 nothing is drawn yet: then as the first step saw it.
    Raises UserError where the trace does not say so many.
    """
    opinion, own = branch.trace.opinion, own_code(branch, position)
    canvas_after(branch, after_step)  # refuses a step that is not there
    found: list[int] = []
    if opinion is not None and opinion.top_ids.shape[-1]:
        at = (slice(None), 0, *position)
        was_asked = opinion.rank[at] > 0  # an entropy may be 0 where one code alone is left
        asked = [step for step in range(max(after_step, 1)) if was_asked[step]]
        if asked:
            likeliest = opinion.top_ids[asked[-1]][at[1:]].tolist()
            found = [code for code in likeliest if code not in (own, NO_CODE)]
    if type(num_codes) is not int or not 1 <= num_codes <= len(found):
        raise UserError(
            f"num_codes={shown(num_codes)} is impossible: the trace has {len(found)} other likely "
            f"codes of position {position} up to step {after_step}; give `codes`, or generate with "
            "a larger num_top."
        )
    return tuple(found[:num_codes])


@torch.no_grad()
def predictions(
    amused: Amused,
    branch: Branch,
    after_step: int,
    edits: Any,
    together: int = TOGETHER,
) -> Float[Tensor, "branches seq codes"]:
    """Log-probabilities, guided, that the next step would draw from after each edit; on the CPU.

    The edits, one or more, may pin, hide and forbid. Raises UserError for none, for others, for
    those that do not fit, after the last step: nothing is predicted, and for a branch of a file of
    other weights.
    """
    check_count("together", together)
    check_list_of_edits(edits)
    if not edits:
        raise UserError("edits is empty; give one or more, as [Edits()].")
    check_same_model(amused, branch)
    before = canvas_after(branch, after_step)
    if after_step == branch.num_steps:
        raise UserError(f"after the last step ({after_step}) the model predicts nothing any more.")
    for each in edits:
        _check_same_told(each, branch, amused.transformer.config.codebook_size)
    canvases = [edited(before, each, branch.mask_token_id) for each in edits]
    history = branch.until(after_step)
    told = [told_by(branch.recipe, (*history, (after_step, each))) for each in edits]
    rows = rows_of(amused, told[0].recipe)
    now, found = make_plan(branch.recipe.sampler)[after_step], []
    for start in range(0, len(edits), together):
        some = range(start, min(start + together, len(edits)))
        canvas = joined([canvases[row] for row in some], amused.device)
        scale = guidance_of_pictures(now, canvas.is_masked, canvas.is_given)
        predict = predict_for(amused.transformer, rows.pick([0] * len(some)))
        logits = without_forbidden(predict, [told[row].forbidden for row in some])(
            canvas.token_ids.view(-1, *before.grid),
            canvas.is_masked.view(-1, *before.grid),
            needs_unconditional(scale),
        )
        found.append(guide(logits, scale, torch.float32).log_softmax(dim=-1).cpu())
    return torch.cat(found)


def cone(found: Influence) -> Cone:
    """Share of open positions that ended as another code, over all branches, by distance."""
    height, width = found.is_open.shape
    changed = (found.changed & found.is_open).float().flatten(1)  # (branches, seq)
    rings = ring_of(height, width)[found.position[0] * width + found.position[1]]
    is_open = found.is_open.flatten().expand(changed.shape)
    return cone_of_pairs(changed, rings.expand(changed.shape), is_open)


def ring_of(height: int, width: int) -> Int[Tensor, "seq seq"]:
    """How far apart two positions are: max(rows apart, columns apart)."""
    place = torch.cartesian_prod(torch.arange(height), torch.arange(width))  # (seq, 2)
    return (place[:, None] - place[None]).abs().amax(dim=2)


def cone_of_pairs(
    moved: Float[Tensor, "*pairs"], ring: Int[Tensor, "*pairs"], is_open: Bool[Tensor, "*pairs"]
) -> Cone:
    """The mean of each ring over the pairs that are open; ring 0 is the changed position itself."""
    distance = torch.arange(1, int(ring.max()) + 1)
    means = [moved[is_open & (ring == far)].double().mean() for far in distance]
    counts = [(is_open & (ring == far)).sum() for far in distance]
    return Cone(distance, torch.tensor(means), torch.tensor(counts))


@contextmanager
def at_once(amused: Amused, together: int) -> Iterator[None]:
    """So many pictures go through the model together while the context is open."""
    check_count("together", together)
    before = amused.pictures_per_pass
    amused.pictures_per_pass = together
    try:
        yield
    finally:
        amused.pictures_per_pass = before


def _compared(
    amused: Amused,
    branch: Branch,
    after_step: int,
    position: Position,
    edits: list[Edits],
    together: int,
) -> Influence:
    """The first edit makes the base."""
    with at_once(amused, together):
        base, *branches = resume_many(amused, branch, after_step, edits)
    is_open = canvas_after(branch, after_step).is_masked.view(branch.grid).clone()
    is_open[position] = False
    apart = torch.zeros(len(branches), *branch.grid)
    if after_step < branch.num_steps:
        first, *others = predictions(amused, branch, after_step, edits, together)
        of_each = [divergence(first, other).view(branch.grid) for other in others]
        apart = torch.stack(of_each).masked_fill(~is_open, 0.0)
    codes = tuple(own_code(each, position) for each in (base, *branches))
    return Influence(position, after_step, codes, base, tuple(branches), apart, is_open)


def _check_same_told(edits: Edits, branch: Branch, codebook_size: int) -> None:
    """That edits fit and leave what the model is told, which all rows of a pass share."""
    check_edits(edits, branch.grid, codebook_size)
    for name in ("prompt", "negative_prompt", "micro_cond", "seed"):
        if getattr(edits, name) is not None:
            raise UserError(
                f"{name}={shown(getattr(edits, name))} cannot be asked for here; give edits that "
                "pin, hide or forbid, and `resume` from others."
            )
