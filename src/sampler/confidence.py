"""aMUSEd's sampler: keep the codes the model was surest of, hide the others again, repeat.

Dimensions: batch, height, width (in tokens), seq (= height * width, row by row), codes.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Int
from torch import Tensor

from src.sampler.choices import Noise
from src.sampler.config import SamplerConfig, check_sampler
from src.sampler.model_pass import GuidedModel, Predict
from src.sampler.step import Step, check_start


def decode(
    predict: Predict,
    start_token_ids: Int[Tensor, "batch height width"],
    mask_token_id: int,
    config: SamplerConfig,
    noise: Noise,
    codebook_size: int | None = None,
) -> Iterator[Step]:
    """Fill in the hidden tokens in `config.num_steps` steps and yield each one.

    Each step asks the model once, draws a code for every hidden position and keeps those with the
    largest log p(code) + choice temperature x Gumbel noise; the schedule says how many stay hidden.
    The last step keeps all. (MaskGIT section 3.2; aMUSEd section 3.)

    start_token_ids: mask_token_id where hidden, codes elsewhere; these given ones never change.
        Where nothing is hidden the model is not asked.
    codebook_size: if known, logits over any other number of ids are refused.
    Raises UserError, before the first step, if the start, the settings or the seeds do not fit; and
    in a step whose logits nothing can be drawn from.
    """
    check_sampler(config)
    check_start(start_token_ids, mask_token_id, codebook_size)
    noise.check_batch(len(start_token_ids))
    model = GuidedModel(
        predict, config.guidance_scale, mask_token_id, codebook_size, noise.guidance_dtype
    )
    return _steps(model, start_token_ids, config, noise)


def _steps(
    model: GuidedModel, start_token_ids: Tensor, config: SamplerConfig, noise: Noise
) -> Iterator[Step]:
    shape = start_token_ids.shape  # (batch, height, width)
    token_ids = start_token_ids.flatten(1)  # (batch, seq)
    is_masked = token_ids == model.mask_token_id
    is_given = ~is_masked
    drawn_ids = token_ids
    confidence = torch.zeros(token_ids.shape, dtype=torch.float32, device=token_ids.device)

    for step in range(1, config.num_steps + 1):
        num_scheduled = torch.zeros_like(is_masked.sum(dim=1))  # (batch,)
        if is_masked.any():
            # (batch, seq, codes)
            guided = model(token_ids.view(shape), is_masked.view(shape), step)
            drawn = noise.draw_codes(guided, is_masked, step, config)
            drawn_ids = torch.where(is_masked, drawn.codes, token_ids)
            confidence = torch.where(is_masked, drawn.log_probs, confidence)
            if step < config.num_steps:
                num_scheduled = noise.num_scheduled(is_masked, is_given, step, config)
                is_hidden = noise.choose_hidden(drawn, is_masked, num_scheduled, step, config)
                is_masked = is_hidden & ~is_given
            else:
                is_masked = torch.zeros_like(is_masked)
            token_ids = drawn_ids.masked_fill(is_masked, model.mask_token_id)
        yield Step(
            step=step,
            token_ids=token_ids.view(shape).clone(),
            drawn_ids=drawn_ids.view(shape).clone(),
            is_masked=is_masked.view(shape).clone(),
            confidence=confidence.view(shape).clone(),
            num_scheduled=num_scheduled,
            num_masked=is_masked.sum(dim=1),
        )
