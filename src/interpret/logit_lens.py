"""What would the model say if it stopped thinking after a layer? Its pass, finished from there.

After layer L of the transformer the residual stream goes straight through the rest of the pass:
the norm and the map out of the transformer, the last convolution stage and the logits, all with
that pass's own condition (nostalgebraist 2020; Belrose et al. 2023, arXiv 2303.08112, section 2).
The last stage thinks too: it mixes neighbours and reads the prompt. So there is a second lens that
skips it, and the distance of the two is what the stage adds.

Dimensions: steps, height, width (in tokens), layers (one more than the transformer has: the first
is what layer 0 finds, the last what the model says), seq, dim, codes.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.amused import Amused
from src.interpret.ask_again import (
    Run,
    canvas_before,
    check_same_model,
    guidance_dtype,
    guidance_in,
    rows_of,
    trace_of,
)
from src.interpret.capture import capture
from src.interpret.checked import check_guidance_scale, check_picture
from src.sampler.entropies import divergence
from src.sampler.guidance import Logits, guide, needs_unconditional
from src.transformer.uvit import Condition, UViT


class LogitLens(NamedTuple):
    """Of one picture; means something only where `is_masked`, see `Opinion`."""

    divergence: Float[Tensor, "steps layers height width"]  # nats, KL(lens || final), from 0
    rank: Int[Tensor, "steps layers height width"]  # of the model's likeliest code; 1 = first
    lens_ids: Int[Tensor, "steps layers height width"]  # the lens's likeliest code
    final_ids: Int[Tensor, "steps height width"]  # the model's likeliest code
    canvas: Int[Tensor, "steps height width"]  # what the model saw: the mask id where hidden
    is_masked: Bool[Tensor, "steps height width"]  # True = hidden from the model in that step
    skips_up: bool  # whether the last stage was left out

    @property
    def agrees(self) -> Bool[Tensor, "steps layers height width"]:
        """Where the lens already names the model's likeliest code."""
        return self.lens_ids == self.final_ids[:, None]

    @property
    def shown_ids(self) -> Int[Tensor, "steps layers height width"]:
        """The lens's picture, to decode: its likeliest code where hidden, else the token shown."""
        return torch.where(self.is_masked[:, None], self.lens_ids, self.canvas[:, None])

    def hidden(self, field: Tensor) -> list[Tensor]:
        """A field's values at hidden positions of all steps, one flat tensor a layer."""
        return [field[:, layer][self.is_masked] for layer in range(field.shape[1])]


@torch.no_grad()
def logit_lens(
    amused: Amused,
    run: Run,
    picture: int = 0,
    guidance_scale: Any = None,
    skips_up: bool = False,
) -> LogitLens:
    """The lens after every layer, at every canvas of a recorded picture.

    guidance_scale: None = what each step had; a number = that one; 1 = the prompt alone. Where
        both sides are asked, each is seen through the lens and they are guided afterwards.
    skips_up: leave the last convolution stage out; the last layer then differs from the model.
    Raises UserError as `ask_again`, for a file of other weights, a picture that is not there and an
    impossible scale.
    """
    trace = trace_of(run)
    check_same_model(amused, run)
    check_picture(picture, len(trace.is_given))
    check_guidance_scale(guidance_scale, or_none=True)
    rows = rows_of(amused, run.recipe).pick([picture])
    mask_token_id, found = amused.transformer.mask_token_id, []
    text, micro_cond = rows.with_negatives_first()
    both = amused.transformer.prepare(*text, micro_cond)
    alone = amused.transformer.prepare(*rows.text, rows.micro_cond)
    for step in range(1, trace.num_steps + 1):
        canvas = canvas_before(trace, step, mask_token_id)[[picture]]
        scale = float(guidance_in(run, step)[picture]) if guidance_scale is None else guidance_scale
        condition = both if needs_unconditional(scale) else alone
        final, lenses = _through(amused, canvas, condition, skips_up)
        guided = [_guided(each, scale, guidance_dtype(run)) for each in (final, *lenses)]
        found.append(_compared(guided[1:], guided[0], canvas[0].cpu()))
    apart, rank, lens_ids, final_ids, canvas = map(torch.stack, zip(*found, strict=True))
    is_masked = canvas == mask_token_id
    return LogitLens(apart, rank, lens_ids, final_ids, canvas, is_masked, skips_up)


def finish(
    uvit: UViT,
    states: Float[Tensor, "batch seq dim"],
    condition: Condition,
    grid: tuple[int, int],
    skips_up: bool = False,
) -> Float[Tensor, "batch tokens codes"]:
    """The rest of `UViT.predict` after the layers, from any states of the residual stream.

    grid: height and width in tokens, as the model was given them.
    skips_up: go from the transformer to the logits directly; where the last stage would double the
        grid, each state then stands for its four tokens.
    """
    factor = 2 if uvit.config.downsample else 1
    inner = grid[0] // factor, grid[1] // factor
    states = uvit.transformer_out_norm(states)
    tokens = uvit.transformer_out(states).unflatten(1, inner)  # (batch, rows, columns, channels)
    if not skips_up:
        tokens = uvit.up(tokens, *condition)
    elif uvit.config.upsample:
        tokens = tokens.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
    tokens = uvit.logits_norm(uvit.logits_in(tokens))
    return uvit.logits_out(tokens).flatten(1, 2)


def _through(
    amused: Amused, canvas: Int[Tensor, "1 height width"], condition: Condition, skips_up: bool
) -> tuple[Tensor, list[Tensor]]:
    """The model's own logits at a canvas, a row a side of guidance, and those of every lens."""
    uvit, grid = amused.transformer, (canvas.shape[1], canvas.shape[2])
    canvas = canvas.to(amused.device).expand(len(condition.vector), -1, -1)
    names = ["transformer_in", *(f"layers.{index}" for index in range(len(uvit.layers)))]
    with capture(amused, names) as held:
        final = uvit.predict(canvas, condition)
    states = [held[name][0].to(final.device) for name in names]
    return final, [finish(uvit, each, condition, grid, skips_up) for each in states]


def _guided(
    logits: Float[Tensor, "rows seq codes"], scale: float, dtype: torch.dtype | None
) -> Float[Tensor, "seq codes"]:
    """Rows: the unconditional side first, where it was asked for."""
    unconditional = logits[:1] if len(logits) == 2 else None
    return guide(Logits(logits[-1:], unconditional), scale, dtype)[0].float().cpu()


def _compared(
    lenses: list[Tensor], final: Float[Tensor, "seq codes"], canvas: Int[Tensor, "height width"]
) -> tuple[Tensor, ...]:
    """The first five fields of `LogitLens` for one step."""
    log_final, best = final.log_softmax(dim=-1), final.argmax(dim=-1, keepdim=True)
    apart, rank, ids = [], [], []
    for logits in lenses:
        log_probs = logits.log_softmax(dim=-1)
        apart.append(divergence(log_probs, log_final).view(canvas.shape))
        above = log_probs > log_probs.gather(1, best)
        rank.append((above.sum(dim=-1) + 1).view(canvas.shape))
        ids.append(logits.argmax(dim=-1).view(canvas.shape))
    final_ids = best.view(canvas.shape)
    return torch.stack(apart), torch.stack(rank), torch.stack(ids), final_ids, canvas
