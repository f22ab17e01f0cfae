"""The transformer as the sampler sees it: a function from tokens to logits, told of its pictures.

Dimensions: batch, height, width (in tokens), seq (= height * width, row by row), codes.
"""

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from src.conditioning.rows import Rows
from src.conditioning.text import Text
from src.sampler.guidance import Logits
from src.sampler.model_pass import Predict
from src.transformer.local_steps import with_local_steps
from src.transformer.uvit import Condition, UViT


def predict_for(transformer: UViT, rows: Rows, full_step_every: int = 1) -> Predict:
    """A `Predict` for these pictures; what the steps share is computed once, when first needed.

    full_step_every: above 1 an approximation, for one decoding alone; see `with_local_steps`.
    """
    if rows.regions is not None:
        return _predict_by_regions(transformer, rows, full_step_every)
    alone = cache(lambda: _prepare(transformer, rows.text, rows.micro_cond))
    both = cache(lambda: _prepare(transformer, *rows.with_negatives_first()))

    def predict(token_ids: Tensor, is_masked: Tensor, need_unconditional: bool) -> Logits:
        if not need_unconditional:
            return Logits(transformer.predict(token_ids, alone()), None)
        twice = torch.cat([token_ids, token_ids])  # (2 batch, height, width)
        unconditional, conditional = transformer.predict(twice, both()).chunk(2)
        return Logits(conditional, unconditional)

    return with_local_steps(predict, transformer, full_step_every)


def _predict_by_regions(transformer: UViT, rows: Rows, full_step_every: int) -> Predict:
    """Each prompt is asked by itself, and at every token the answers are mixed by its shares.

    As guidance is linear in the logits, mixing them mixes what is guided.
    """
    regions = rows.regions.to(rows.micro_cond.device)
    alone = [
        predict_for(transformer, rows._replace(text=text, regions=None), full_step_every)
        for text in regions.texts
    ]
    shares = regions.shares.flatten(1)[:, None, :, None]  # (regions, 1, seq, 1)

    def predict(token_ids: Tensor, is_masked: Tensor, need_unconditional: bool) -> Logits:
        said = [
            ask(regions.seen_by(region, token_ids, is_masked), is_masked, need_unconditional)
            for region, ask in enumerate(alone)
        ]
        return Logits(
            _mixed([each.conditional for each in said], shares),
            _mixed([each.unconditional for each in said], shares) if need_unconditional else None,
        )

    return predict


def _mixed(
    logits: list[Float[Tensor, "batch seq codes"]], shares: Float[Tensor, "regions 1 seq 1"]
) -> Float[Tensor, "batch seq codes"]:
    return (torch.stack(logits) * shares.to(logits[0].dtype)).sum(dim=0)


def _prepare(transformer: UViT, text: Text, micro_cond: Float[Tensor, "batch 5"]) -> Condition:
    return transformer.prepare(text.text_states, text.pooled_text, micro_cond)
