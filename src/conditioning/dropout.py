"""Prompt dropping: in training, some captions are replaced by the empty prompt.

It is what later lets guidance compare "with this prompt" against "with none".

Dimensions: batch, words, dim, pooled_dim (see text.py).
"""

import torch
from jaxtyping import Bool
from torch import Generator, Tensor

from src.conditioning.text import Text


def draw_dropped(
    batch: int, drop_prob: float, generator: Generator, is_inverted: bool = False
) -> Bool[Tensor, "batch"]:
    """Draw which prompts are dropped, each with probability `drop_prob` in 0..1.

    generator: draws on its own device, so one seed drops the same rows on every machine.
    is_inverted: KEEP a prompt with that probability, as aMUSEd's released training script does
        (report section 2.3): the same rows are then kept that would have been dropped.
    """
    draws = torch.rand(batch, generator=generator, device=generator.device)
    return (draws < drop_prob) != is_inverted


def drop_prompts(text: Text, null_text: Text, is_dropped: Bool[Tensor, "batch"]) -> Text:
    """Replace each dropped row, states and pooled vector together, by the empty prompt's.

    null_text: the empty prompt, encoded; one row.
    """
    is_dropped = is_dropped.to(text.pooled_text.device)
    return Text(
        text_states=torch.where(is_dropped[:, None, None], null_text.text_states, text.text_states),
        pooled_text=torch.where(is_dropped[:, None], null_text.pooled_text, text.pooled_text),
    )
