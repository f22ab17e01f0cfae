"""An informed corrector: after each step the least certain of the settled tokens are drawn anew.

Dimensions: batch, seq (tokens of one image, row by row), codes.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.sampler.choices import Canvas
from src.sampler.draw import draw_by_inversion
from src.sampler.guidance import passes_of
from src.sampler.model_pass import Guided, GuidedModel, Question, hidden_first
from src.sampler.one_picture import FOR_CORRECTED_CODE, FOR_CORRECTION
from src.sampler.plan import StepPlan
from src.sampler.seeded_noise import SeededNoise


def correct(
    canvas: Canvas,
    is_open: list[bool],
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
    chosen = _least_certain(canvas, noise, now) & torch.tensor(is_open)[:, None].to(
        canvas.is_masked.device
    )
    counts = chosen.sum(dim=1)  # (batch,)
    if not counts.any():
        return canvas, torch.zeros(len(counts)).long()
    shown = canvas.token_ids.masked_fill(chosen, model.mask_token_id)
    places = hidden_first(chosen, int(counts.max()))
    asked = Question(shown, canvas.is_masked | chosen, canvas.grid, places, is_all_hidden=False)
    guided = model(asked, now.step, scale)
    codes, log_probs = canvas.token_ids.clone(), canvas.confidence.clone()
    for picture, count in enumerate(counts.tolist()):
        logits, positions = guided.hidden_of(picture, count)
        table = logits.float().log_softmax(dim=-1)  # (chosen, codes)
        uniform = noise.draws(picture, now.step, codes[picture]).uniform(FOR_CORRECTED_CODE)
        drawn = draw_by_inversion(table, uniform[positions], now.sampling_temperature)
        codes[picture, positions] = drawn
        log_probs[picture, positions] = table.gather(1, drawn[:, None])[:, 0]
    after = canvas._replace(
        token_ids=codes,
        confidence=log_probs,
        margin=torch.where(chosen, margins(guided, codes), canvas.margin),
    )
    return after, chosen.any(dim=1).cpu() * passes_of(scale, len(counts))


def margins(guided: Guided, codes: Int[Tensor, "batch seq"]) -> Float[Tensor, "batch seq"]:
    """log p of each code ahead of the best other one: below 0 where another was likelier.

    0 where the model was not asked, and of no meaning for a token that is still hidden.
    """
    logits, positions = guided.logits.float(), guided.positions
    index = codes.gather(1, positions).clamp(max=logits.shape[2] - 1)[:, :, None]
    others = logits.scatter(2, index, -torch.inf).amax(dim=-1)
    ahead = logits.gather(2, index)[:, :, 0] - others  # (batch, few)
    return torch.zeros(codes.shape, device=logits.device).scatter(1, positions, ahead)


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
