"""Ask the model again what it was asked in a step of a recorded generation, in full.

A trace keeps a few numbers of every distribution; this gives back the distributions themselves,
one step at a time, so that no more than one step is ever in memory.

Dimensions: batch (pictures), height, width (in tokens), seq (= height * width, row by row), codes.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from src.amused import Amused
from src.conditioning.rows import Rows
from src.errors import UserError
from src.filling import rows_from
from src.generation import Generation
from src.interpret.checked import check_step
from src.interpret.trace_file import SavedTrace
from src.predicting import predict_for
from src.recipe import Recipe
from src.sampler.guidance import Logits, guidance_of_pictures
from src.sampler.plan import make_plan
from src.sampler.trace import Trace

Run = Generation | SavedTrace  # anything with a trace and the recipe that it was drawn from


def rows_of(amused: Amused, recipe: Recipe, with_regions: bool = False) -> Rows:
    """All that the transformer was told of the pictures, a row each.

    with_regions: for whoever asks the model through `predict_for`, which mixes several prompts.
    Raises UserError where the prompts were handed in as encoded text, which no recipe can name, or
    where there are several of a picture and only one could be looked at.
    """
    if recipe.prompts is None or recipe.negative_prompts is None:
        raise UserError(
            "these pictures were drawn from encoded text, which a recipe does not keep: draw them "
            "from prompts to ask the model again."
        )
    if recipe.regions is not None and not with_regions:
        raise UserError(
            f"these pictures were drawn from {len(recipe.regions)} prompts by region, and this "
            "looks at one prompt: give a picture of one prompt."
        )
    return rows_from(amused.text_encoder, recipe)


def trace_of(run: Run) -> Trace:
    """The trace of a run; raises UserError where none was kept."""
    if run.trace is None:
        raise UserError("this generation kept no trace; generate it with record=True.")
    return run.trace


def check_same_model(amused: Amused, run: Any) -> None:
    """Refuse a file of other weights, or a branch of one; raises UserError.

    A generation in memory names none.
    """
    drawn_by = getattr(run, "weights_hash", None)
    if drawn_by is not None and drawn_by != (own := amused.weights_hash):
        raise UserError(
            f"the trace is of the weights {drawn_by[:12]} and this model's are {own[:12]}: open "
            "the checkpoint that drew it."
        )


def canvas_before(trace: Trace, step: Any, mask_token_id: int) -> Int[Tensor, "batch height width"]:
    """What the model saw in a step, from 1: mask_token_id where hidden.

    That is the canvas after the step before; before the first one, the given tokens alone.
    Raises UserError for a step that the trace has not.
    """
    check_step(step, trace.num_steps)
    if step > 1:
        return trace.token_ids[step - 2]
    return trace.drawn_ids[0].masked_fill(~trace.is_given, mask_token_id)


def ask_again(amused: Amused, run: Run, step: Any, need_unconditional: bool = True) -> Logits:
    """What the model says at the canvas of a step, before guidance, on the CPU.

    With as many pictures in a pass as `amused.generate` takes, so that on one machine the numbers
    are those of the generation to the last bit. Only at positions that the step drew is this an
    opinion: of a token that it is shown, the model has learned to say nothing.

    need_unconditional: also without the prompt, at twice the cost; else that is None.
    Raises UserError for a run without trace or prompts, a file of other weights, and a step that is
    not there.
    """
    trace_of(run)
    check_same_model(amused, run)
    return answers_at(amused, run, step, need_unconditional)


@torch.no_grad()
def answers_at(amused: Amused, run: Run, step: Any, need_unconditional: bool = True) -> Logits:
    """`ask_again` of a run whose weights are checked: that takes a hash over all of them."""
    trace, recipe = trace_of(run), run.recipe
    if (every := recipe.sampler.full_step_every) > 1:
        raise UserError(
            f"full_step_every={every} of this run kept answers from step to step, so its steps "
            "cannot be asked again; draw with full_step_every=1."
        )
    canvas = canvas_before(trace, step, amused.transformer.mask_token_id).to(amused.device)
    rows = rows_of(amused, recipe, with_regions=True)
    size = rows.num_pictures if recipe.seeds is None else amused.pictures_per_pass
    parts = []
    for start in range(0, rows.num_pictures, size):
        pictures = list(range(start, min(start + size, rows.num_pictures)))
        filled = pictures + pictures[-1:] * (size - len(pictures))  # as passes are filled up
        token_ids = canvas[filled]
        is_masked = token_ids == amused.transformer.mask_token_id
        predict = predict_for(amused.transformer, rows.pick(filled))
        logits = predict(token_ids, is_masked, need_unconditional)
        parts.append([side if side is None else side[: len(pictures)].cpu() for side in logits])
    conditional, unconditional = zip(*parts, strict=True)
    return Logits(torch.cat(conditional), torch.cat(unconditional) if need_unconditional else None)


def guidance_in(run: Run, step: Any) -> Float[Tensor, "batch"]:
    """The guidance scale that each picture had in a step, from 1; 1 = off.

    Raises UserError for a run without a trace, and for a step that is not there.
    """
    trace = trace_of(run)
    check_step(step, trace.num_steps)
    hidden = (trace.is_masked[step - 2] if step > 1 else ~trace.is_given).flatten(1)
    now = make_plan(run.recipe.sampler)[step - 1]
    scale = guidance_of_pictures(now, hidden, trace.is_given.flatten(1))
    return torch.as_tensor(scale, dtype=torch.float64).expand(len(hidden)).clone()


def guidance_dtype(run: Run) -> torch.dtype | None:
    """The precision in which the run was guided; None = that of the logits."""
    return None if run.recipe.seeds is None else torch.float32
