"""What guidance did: the model asked again with the prompt, without it, and both held together.

Dimensions: steps, batch, height, width (in tokens), seq (= height * width, row by row), codes.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.amused import Amused
from src.interpret.ask_again import (
    Run,
    answers_at,
    check_same_model,
    guidance_dtype,
    guidance_in,
    trace_of,
)
from src.interpret.checked import check_guidance_scale
from src.interpret.commit_order import was_drawn
from src.sampler.entropies import entropy
from src.sampler.guidance import Logits, guide
from src.sampler.opinion import NO_CODE


class GuidanceEffect(NamedTuple):
    """Of the positions that each step drew; elsewhere the entropies are 0 and the ids NO_CODE."""

    conditional_entropy: Float[Tensor, "steps batch height width"]  # nats, with the prompt
    unconditional_entropy: Float[Tensor, "steps batch height width"]  # nats, without it
    guided_entropy: Float[Tensor, "steps batch height width"]  # nats, of what codes are drawn from
    conditional_ids: Int[Tensor, "steps batch height width"]  # the likeliest code of each
    unconditional_ids: Int[Tensor, "steps batch height width"]
    guided_ids: Int[Tensor, "steps batch height width"]
    scale: Float[Tensor, "steps batch"]  # of the guidance; 1 = off
    is_drawn: Bool[Tensor, "steps batch height width"]

    @property
    def has_changed(self) -> Bool[Tensor, "steps batch height width"]:
        """Where guidance made another code the likeliest than the prompt alone."""
        return self.guided_ids != self.conditional_ids

    @property
    def shares_changed(self) -> Float[Tensor, "steps batch"]:
        """The share, 0..1, of the positions that each step drew; NaN where it drew none."""
        return self.has_changed.sum(dim=(2, 3)) / self.is_drawn.sum(dim=(2, 3))


def guidance_effect(amused: Amused, run: Run, guidance_scale: Any = None) -> GuidanceEffect:
    """Ask the model again at every canvas of a recorded run, two passes a step and picture.

    guidance_scale: None = what each step had; a number = what that one would do at the same
        canvases. 1 is the prompt alone, 0 no prompt.
    Raises UserError as `ask_again`, for a file of other weights, and for an impossible scale.
    """
    check_guidance_scale(guidance_scale, or_none=True)
    trace = trace_of(run)
    check_same_model(amused, run)
    is_drawn = was_drawn(trace)
    steps, scales = [], []
    for step in range(1, trace.num_steps + 1):
        scale = guidance_in(run, step)
        if guidance_scale is not None:
            scale = torch.full_like(scale, guidance_scale)
        logits = answers_at(amused, run, step)
        steps.append(of_logits(logits, scale, is_drawn[step - 1], guidance_dtype(run)))
        scales.append(scale)
    fields = [torch.stack(field) for field in zip(*steps, strict=True)]
    return GuidanceEffect(*fields, torch.stack(scales), is_drawn)


def of_logits(
    logits: Logits,
    scale: float | Float[Tensor, "batch"],
    is_drawn: Bool[Tensor, "batch height width"],
    dtype: torch.dtype | None = None,
) -> tuple[Tensor, ...]:
    """The first six fields of `GuidanceEffect` for one step: three entropies, three maps of ids.

    dtype: of the guidance; None = the logits' own.
    """
    sides = (logits.conditional, logits.unconditional, guide(logits, scale, dtype))
    entropies, ids = [], []
    for side in sides:
        log_probs = side.float().log_softmax(dim=-1)  # (batch, seq, codes)
        entropies.append(entropy(log_probs.flatten(0, 1)).view(is_drawn.shape))
        ids.append(side.argmax(dim=-1).view(is_drawn.shape))
    return (
        *(each.masked_fill(~is_drawn, 0.0) for each in entropies),
        *(each.masked_fill(~is_drawn, NO_CODE) for each in ids),
    )
