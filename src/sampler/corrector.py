"""An informed corrector: after each step the least certain of the settled tokens are drawn anew.

Dimensions: batch, seq (tokens of one image, row by row), codes.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.sampler.choices import Canvas
from src.sampler.draw import draw_by_inversion
from src.sampler.guidance import passes_of
from src.sampler.model_pass import GuidedModel
from src.sampler.one_picture import FOR_CORRECTED_CODE, FOR_CORRECTION
from src.sampler.plan import StepPlan
from src.sampler.seeded_noise import SeededNoise


def correct(
    canvas: Canvas,
    is_open: Bool[Tensor, "batch"],
    model: GuidedModel,
    noise: SeededNoise,
    now: StepPlan,
    scale: float | Float[Tensor, "batch"],
) -> tuple[Canvas, Int[Tensor, "batch"]]:
    """Hide the settled tokens of the smallest margin, ask the model once more, draw them again.

    The published corrector reads p(token | all others) from a model made for it. Ours sees every
    token it shows, so the candidates are ranked by the margin they had when they were drawn (log p
    ahead of the best other code, plus temperature x Gumbel noise), and are hidden to be drawn.
    Pictures that are not open, those finished before this step, stay as they are.
    Returns the canvas and how many model passes each picture took for it.
    Source: Zhao et al. 2024, informed correctors (arXiv 2407.21243).
    """
    chosen = _least_certain(canvas, noise, now) & is_open[:, None]
    if not chosen.any():
        return canvas, torch.zeros_like(canvas.is_masked.sum(dim=1))
    shown = canvas.token_ids.masked_fill(chosen, model.mask_token_id)
    guided = model(shown, canvas.is_masked | chosen, canvas.grid, now.step, scale).logits
    log_probs = guided.float().log_softmax(dim=-1)  # (batch, seq, codes)
    codes = canvas.token_ids.clone()
    for picture in range(len(codes)):
        uniform = noise.draws(picture, now.step, codes[picture]).uniform(FOR_CORRECTED_CODE)
        codes[picture] = draw_by_inversion(log_probs[picture], uniform, now.sampling_temperature)
    drawn = log_probs.gather(2, codes[:, :, None])[:, :, 0]
    after = canvas._replace(
        token_ids=torch.where(chosen, codes, canvas.token_ids),
        confidence=torch.where(chosen, drawn, canvas.confidence),
        margin=torch.where(chosen, margins(guided, codes), canvas.margin),
    )
    return after, chosen.any(dim=1) * passes_of(scale, chosen)


def margins(
    guided: Float[Tensor, "batch seq codes"], codes: Int[Tensor, "batch seq"]
) -> Float[Tensor, "batch seq"]:
    """log p of each code ahead of the best other one: below 0 where another was likelier."""
    index = codes[:, :, None]
    others = guided.float().scatter(2, index, -torch.inf).amax(dim=-1)
    return guided.float().gather(2, index)[:, :, 0] - others


def _least_certain(canvas: Canvas, noise: SeededNoise, now: StepPlan) -> Bool[Tensor, "batch seq"]:
    settings = now.config.corrector
    is_settled = ~canvas.is_masked & ~canvas.is_given
    chosen = torch.zeros_like(is_settled)
    for picture in range(len(chosen)):
        draws = noise.draws(picture, now.step, canvas.token_ids[picture])
        doubt = canvas.margin[picture].double()
        doubt = doubt + settings.temperature * draws.gumbel(FOR_CORRECTION)
        order = doubt.masked_fill(~is_settled[picture], torch.inf).argsort(stable=True)
        count = min(settings.num_positions, int(is_settled[picture].sum()))
        chosen[picture, order[:count]] = True
    return chosen
