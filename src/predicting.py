"""The transformer as the sampler sees it: a function from tokens to logits, told of its pictures.

Dimensions: batch, height, width (in tokens).
"""

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from src.conditioning.rows import Rows
from src.conditioning.text import Text
from src.sampler.guidance import Logits
from src.sampler.model_pass import Predict
from src.transformer.uvit import Condition, UViT


def predict_for(transformer: UViT, rows: Rows) -> Predict:
    """A `Predict` for these pictures; what the steps share is computed once, when first needed."""
    alone = cache(lambda: _prepare(transformer, rows.text, rows.micro_cond))
    both = cache(lambda: _prepare(transformer, *rows.with_negatives_first()))

    def predict(token_ids: Tensor, is_masked: Tensor, need_unconditional: bool) -> Logits:
        if not need_unconditional:
            return Logits(transformer.predict(token_ids, alone()), None)
        twice = torch.cat([token_ids, token_ids])  # (2 batch, height, width)
        unconditional, conditional = transformer.predict(twice, both()).chunk(2)
        return Logits(conditional, unconditional)

    return predict


def _prepare(transformer: UViT, text: Text, micro_cond: Float[Tensor, "batch 5"]) -> Condition:
    return transformer.prepare(text.text_states, text.pooled_text, micro_cond)
