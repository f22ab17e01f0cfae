"""Prompt dropping: in training, some captions are replaced by the empty prompt.

It is what later lets guidance compare "with this prompt" against "with none".

Dimensions: batch, words, dim, pooled_dim (see text.py).
"""

import torch
from torch import Generator

from src.conditioning.text import Text


def drop_prompts(text: Text, null_text: Text, drop_prob: float, generator: Generator) -> Text:
    """Replace each row, states and pooled vector together, by the empty prompt's.

    null_text: the empty prompt, encoded; one row.
    drop_prob: the probability, in 0..1, of DROPPING a row. aMUSEd's released training script uses
        the number the other way round and keeps a row with that probability.
    generator: draws on its own device, so one seed drops the same rows on every machine.
    """
    batch = text.pooled_text.shape[0]
    draws = torch.rand(batch, generator=generator, device=generator.device)
    is_dropped = (draws < drop_prob).to(text.pooled_text.device)
    return Text(
        text_states=torch.where(is_dropped[:, None, None], null_text.text_states, text.text_states),
        pooled_text=torch.where(is_dropped[:, None], null_text.pooled_text, text.pooled_text),
    )
