"""The decoding loop: ask the model, let the sampler decide, repeat.

Dimensions: batch, height, width (in tokens), seq (= height * width, row by row), codes.
"""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from src.errors import UserError, shown
from src.sampler.choices import Canvas, Counts, Decision, Noise
from src.sampler.config import SamplerConfig, check_sampler
from src.sampler.corrector import correct, margins
from src.sampler.early_stop import is_sure
from src.sampler.guidance import guidance_of_counts, passes_of
from src.sampler.model_pass import Guided, GuidedModel, Predict, Question, hidden_first
from src.sampler.opinion import Opinion, check_num_top, no_opinion, opinion
from src.sampler.plan import StepPlan, make_plan
from src.sampler.step import Step, check_start


def decode(
    predict: Predict,
    start_token_ids: Int[Tensor, "batch height width"],
    mask_token_id: int,
    config: SamplerConfig,
    noise: Noise,
    codebook_size: int | None = None,
    num_top: Any = None,
) -> Iterator[Step]:
    """Fill in the hidden tokens in `config.num_steps` steps and yield each one.

    Each step asks the model once, draws a code for every hidden position, and the sampler's rule
    (rules/NAME.py) says which are kept. The last step keeps all. A picture that is finished early
    stays as it is. (MaskGIT section 3.2; aMUSEd section 3.)

    start_token_ids: mask_token_id where hidden, codes elsewhere; these given ones never change.
        Where nothing is hidden, nor may be hidden again, the model is not asked.
    codebook_size: if known, logits over any other number of ids are refused.
    num_top: yield the model's opinions too, each with so many of its likeliest codes; None = none.
    Raises UserError, before the first step, if the start, the settings or the seeds do not fit; and
    in a step whose logits nothing can be drawn from.
    """
    check_sampler(config)
    check_start(start_token_ids, mask_token_id, codebook_size)
    noise.check(len(start_token_ids), config)
    check_num_top(num_top)
    model = GuidedModel(predict, mask_token_id, codebook_size, noise.guidance_dtype)
    canvas = _start(start_token_ids, mask_token_id)
    return _steps(model, canvas, make_plan(config), noise, num_top)


def resume(
    predict: Predict,
    canvas: Canvas,
    after_step: int,
    mask_token_id: int,
    config: SamplerConfig,
    noise: Noise,
    codebook_size: int | None = None,
    num_top: Any = None,
) -> Iterator[Step]:
    """The steps of a decoding that follow step `after_step`, from the canvas which that one left.

    As nothing else passes from step to step, and every seeded number is keyed by its step, an
    unchanged canvas with the same seeds ends in the picture it would have ended in. See `decode`.
    Raises UserError for a step outside 0..`config.num_steps`, and as `decode` for the settings, the
    seeds and the logits.
    """
    check_sampler(config)
    if type(after_step) is not int or not 0 <= after_step <= config.num_steps:
        raise UserError(
            f"after_step={shown(after_step)} is impossible; give 0, the start, to "
            f"{config.num_steps}, the last step."
        )
    if config.full_step_every > 1:
        raise UserError(
            f"full_step_every={config.full_step_every} keeps more from step to step than the "
            "tokens, so the steps after one cannot be drawn again; draw with full_step_every=1."
        )
    noise.check(len(canvas.token_ids), config)
    check_num_top(num_top)
    model = GuidedModel(predict, mask_token_id, codebook_size, noise.guidance_dtype)
    return _steps(model, canvas, make_plan(config)[after_step:], noise, num_top)


def _steps(
    model: GuidedModel,
    canvas: Canvas,
    plan: list[StepPlan],
    noise: Noise,
    num_top: int | None,
) -> Iterator[Step]:
    drawn_ids = canvas.token_ids
    counts = _counts(canvas)  # from here on known from what was decided, without looking
    for current in plan:
        num_scheduled, num_passes = [0] * len(drawn_ids), torch.zeros(len(drawn_ids)).long()
        is_open = noise.is_open(counts, current)
        thought = None if num_top is None else no_opinion(canvas.is_masked, num_top)
        if any(is_open):
            scale = guidance_of_counts(current, counts.hidden, counts.free)
            guided = model(_question(canvas, counts, noise), current.step, scale)
            num_passes = torch.tensor(is_open) * passes_of(scale, len(is_open))
            decision = noise.decide(canvas, guided, counts, current)
            if num_top is not None:
                thought = opinion(guided, decision.codes, canvas.is_masked, num_top)
            if current.is_last:
                decision = decision.with_all_kept()
            elif current.config.stop_entropy is not None:
                decision = decision.with_all_kept(is_sure(guided, counts, current))
            num_scheduled = decision.num_scheduled
            canvas, drawn_ids = _settled(canvas, decision, guided, current, model.mask_token_id)
            counts = counts._replace(hidden=decision.num_hidden)
            if current.config.corrector.num_positions:
                canvas, more = correct(canvas, is_open, model, noise, current, scale)
                drawn_ids = torch.where(canvas.is_masked, drawn_ids, canvas.token_ids)
                num_passes = num_passes + more
        told = num_scheduled, counts.hidden, num_passes
        yield _step(current, canvas, drawn_ids, told, thought)
    model.check()


def _counts(canvas: Canvas) -> Counts:
    masks = canvas.is_masked, ~canvas.is_given
    return Counts(*(mask.sum(dim=1).tolist() for mask in masks))


def _question(canvas: Canvas, counts: Counts, noise: Noise) -> Question:
    """Logits of what is hidden; where nothing is, of one position, as the model runs all the same.

    A source of randomness that looks at all positions gets them in their order.
    """
    seq = canvas.token_ids.shape[1]
    is_all_hidden = min(counts.hidden) == seq
    if noise.looks_everywhere or is_all_hidden:
        everywhere = torch.arange(seq, device=canvas.token_ids.device)
        positions = everywhere.expand(canvas.token_ids.shape)
    else:
        positions = hidden_first(canvas.is_masked, max(1, *counts.hidden))
    return Question(canvas.token_ids, canvas.is_masked, canvas.grid, positions, is_all_hidden)


def _start(start_token_ids: Int[Tensor, "batch height width"], mask_token_id: int) -> Canvas:
    token_ids = start_token_ids.flatten(1)  # (batch, seq)
    is_masked = token_ids == mask_token_id
    nothing = torch.zeros(token_ids.shape, dtype=torch.float32, device=token_ids.device)
    grid = (start_token_ids.shape[1], start_token_ids.shape[2])
    return Canvas(token_ids, is_masked, ~is_masked, nothing, nothing, grid)


def _settled(
    canvas: Canvas, decision: Decision, guided: Guided, now: StepPlan, mask_token_id: int
) -> tuple[Canvas, Int[Tensor, "batch seq"]]:
    """The canvas after a decision, and all its codes, those of hidden positions too."""
    was_masked = canvas.is_masked
    drawn_ids = torch.where(was_masked, decision.codes, canvas.token_ids)
    confidence = torch.where(was_masked, decision.log_probs, canvas.confidence)
    is_masked = decision.is_hidden & ~canvas.is_given
    margin = canvas.margin
    if now.config.corrector.num_positions:
        margin = torch.where(was_masked, margins(guided, decision.codes), margin)
    token_ids = drawn_ids.masked_fill(is_masked, mask_token_id)
    after = canvas._replace(
        token_ids=token_ids, is_masked=is_masked, confidence=confidence, margin=margin
    )
    return after, drawn_ids


def _step(
    now: StepPlan,
    canvas: Canvas,
    drawn_ids: Tensor,
    told: tuple[list[int], list[int], Tensor],
    thought: Opinion | None,
) -> Step:
    """The state after a step; told: how many were to be hidden, are, and what the model ran."""
    shape = (len(drawn_ids), *canvas.grid)
    corrects = now.config.corrector.num_positions > 0
    on_grid = (each.unflatten(1, canvas.grid) for each in thought or ())
    num_scheduled, num_masked, num_passes = told
    return Step(
        step=now.step,
        token_ids=canvas.token_ids.view(shape).clone(),
        drawn_ids=drawn_ids.view(shape).clone(),
        is_masked=canvas.is_masked.view(shape).clone(),
        confidence=canvas.confidence.view(shape).clone(),
        num_scheduled=torch.tensor(num_scheduled),
        num_masked=torch.tensor(num_masked),
        num_passes=num_passes.clone(),
        opinion=Opinion(*on_grid) if thought else None,
        corrector_margin=canvas.margin.view(shape).clone() if corrects else None,
    )
