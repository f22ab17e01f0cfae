"""What if? A decoding stopped after any step, edited, and taken on from there on the same noise.

Every random number is keyed by seed, step and position, so what an edit does not touch draws the
same numbers as before: all that differs between two branches follows from the edit.
"""

from typing import Any

import torch
from torch import Tensor

from src.amused import Amused
from src.errors import UserError, shown
from src.interpret.ask_again import check_same_model, rows_of
from src.interpret.branch import Branch, canvas_after, joined, told_by
from src.interpret.edits import Edits, check_edits, check_list_of_edits, edited, without_forbidden
from src.predicting import predict_for
from src.recipe import together
from src.sampler.choices import Canvas
from src.sampler.decode import resume as decode_on
from src.sampler.opinion import Opinion
from src.sampler.seeded_noise import SeededNoise
from src.sampler.trace import Trace, record


def resume(amused: Amused, branch: Branch, after_step: int, edits: Any = None) -> Branch:
    """Go back to the end of `after_step` (0 = the start), edit, and draw the remaining steps.

    edits: an `Edits`; None = none, and the branch ends as it did: to the last bit by the same
        weights on the same machine at `pictures_per_pass` 1. After the last step nothing is drawn
        any more: exactly what is pinned changes, and nothing can be hidden.
    Raises UserError for a step that is not there, for edits that do not fit, and for a branch of a
    file of other weights.
    """
    return resume_many(amused, branch, after_step, [Edits() if edits is None else edits])[0]


def resume_many(amused: Amused, branch: Branch, after_step: int, edits: Any) -> list[Branch]:
    """Many branches off one place, each with its own edits, an `Edits` each; see `resume`.

    `amused.pictures_per_pass` of them go through the model together, at 1 each as if alone.
    """
    check_same_model(amused, branch)
    before = canvas_after(branch, after_step)
    check_list_of_edits(edits)
    for each in edits:
        _check(each, branch, after_step, amused.transformer.config.codebook_size)
    canvases = [edited(before, each, branch.mask_token_id) for each in edits]
    branches = [
        branch._replace(history=(*branch.until(after_step), (after_step, each))) for each in edits
    ]
    if after_step == branch.num_steps:
        pairs = zip(branches, canvases, strict=True)
        return [each._replace(trace=_ending_in(each.trace, canvas)) for each, canvas in pairs]
    drawn, size = [], amused.pictures_per_pass
    for start in range(0, len(edits), size):
        some = slice(start, start + size)
        drawn += _one_pass(amused, branches[some], canvases[some], after_step)
    return drawn


@torch.no_grad()
def _one_pass(
    amused: Amused, branches: list[Branch], canvases: list[Canvas], after_step: int
) -> list[Branch]:
    """Branches drawn together; the last is repeated to fill the pass, as `generate` does."""
    fillers = amused.pictures_per_pass - len(branches)
    first, every = branches[0], branches + branches[-1:] * fillers
    canvas = joined(canvases + canvases[-1:] * fillers, amused.device)
    told = [told_by(each.recipe, each.history) for each in every]
    recipe = together([each.recipe for each in told])
    predict = predict_for(amused.transformer, rows_of(amused, recipe, with_regions=True))
    opinion = first.trace.opinion
    steps = decode_on(
        without_forbidden(predict, [each.forbidden for each in told]),
        canvas,
        after_step,
        first.mask_token_id,
        first.recipe.sampler,
        SeededNoise(recipe.seeds),
        amused.transformer.config.codebook_size,
        None if opinion is None else opinion.top_ids.shape[-1],
    )
    later = record(canvas.token_ids.view(-1, *canvas.grid), first.mask_token_id, steps)
    return [
        each._replace(trace=_continued(each.trace, after_step, later.picture(row)))
        for row, each in enumerate(branches)
    ]


def _continued(trace: Trace, after_step: int, later: Trace) -> Trace:
    """The steps up to one of a trace, and those that were drawn after it."""

    def joined(one: Tensor, other: Tensor) -> Tensor:
        return torch.cat([one[:after_step], other])

    opinion, margin = trace.opinion, trace.corrector_margin
    if opinion is not None:
        opinion = Opinion(*map(joined, opinion, later.opinion))
    if margin is not None:
        margin = joined(margin, later.corrector_margin)
    stacked = {
        name: joined(getattr(trace, name), getattr(later, name))
        for name in trace._fields
        if name not in ("is_given", "opinion", "corrector_margin")
    }
    return trace._replace(**stacked, opinion=opinion, corrector_margin=margin)


def _ending_in(trace: Trace, canvas: Canvas) -> Trace:
    """The same steps, but a last one that leaves this canvas."""
    changed = {}
    for name in ("token_ids", "drawn_ids", "confidence"):
        field = getattr(trace, name).clone()
        source = canvas.confidence if name == "confidence" else canvas.token_ids
        field[-1] = source.view(field[-1].shape)
        changed[name] = field
    return trace._replace(**changed)


def _check(edits: Any, branch: Branch, after_step: int, codebook_size: int) -> None:
    check_edits(edits, branch.grid, codebook_size)
    if edits.prompt is not None and branch.recipe.regions is not None:
        raise UserError(
            f"prompt={shown(edits.prompt)} cannot stand for the {len(branch.recipe.regions)} "
            "prompts of a picture by regions: leave it out, or draw the regions anew."
        )
    if after_step == branch.num_steps and edits.hidden:
        raise UserError(
            f"after the last step ({after_step}) nothing is drawn any more, so nothing can be "
            "hidden; go back by a step or more."
        )
