"""Through all layers: which place of the grid ends up in which, by attention rollout.

Abnar & Zuidema 2020 (arXiv 2005.00928), section 3: attention with half of it standing for the
residual connection, multiplied from the first layer to the last. It follows the self-attentions of
the transformer alone: the convolutions before and after it mix neighbours too, the text and the
feed-forwards add what no place was, and none of that is in here.

Dimensions: layers, heads, seq (places of the transformer's grid, row by row; half as many a side as
tokens, where the model halves the grid).
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from src.amused import Amused
from src.errors import UserError
from src.interpret.capture import capture
from src.interpret.checked import check_canvas
from src.interpret.teacher_forcing import told
from src.predicting import predict_for


class Rollout(NamedTuple):
    """Row: who reads; column: who is read; each row sums to 1."""

    attention: Float[Tensor, "layers seq seq"]  # of each layer alone, the mean over its heads
    through: Float[Tensor, "layers seq seq"]  # from the first layer up to this one
    grid: tuple[int, int]  # of the places: height, width


def rollouts(attention: Float[Tensor, "layers seq seq"]) -> Float[Tensor, "layers seq seq"]:
    """The product of 0.5 A + 0.5 I up to each layer, the later ones on the left.

    Raises UserError for rows that are no distributions.
    """
    sums = attention.sum(dim=-1)
    if (attention < 0).any() or not torch.allclose(sums, torch.ones_like(sums), atol=1e-4):
        raise UserError(
            "rows of the attention are no distributions: numbers from 0, each row sums to 1."
        )
    seq = attention.shape[-1]
    through, found = torch.eye(seq, dtype=attention.dtype), []
    for layer in attention:
        through = (0.5 * layer + 0.5 * torch.eye(seq, dtype=attention.dtype)) @ through
        found.append(through)
    return torch.stack(found)


@torch.no_grad()
def rollout(
    amused: Amused, token_ids: Int[Tensor, "height width"], prompt: str, micro_cond: Any
) -> Rollout:
    """At one canvas, hidden positions holding the mask id; every head counts the same.

    Raises UserError for what is no canvas.
    """
    check_canvas(amused, token_ids, num_dims=2)
    rows = told(amused, [prompt], micro_cond)
    canvas = token_ids[None].to(amused.device)
    names = "layers.*.self_attention.weights"
    with capture(amused, names, lambda probs: probs.mean(dim=1)) as captured:
        is_masked = canvas == amused.transformer.mask_token_id
        predict_for(amused.transformer, rows)(canvas, is_masked, False)
    attention = torch.cat([each for (each,) in captured.values()]).float()
    height, width = token_ids.shape
    if attention.shape[-1] != height * width:
        height, width = height // 2, width // 2
    return Rollout(attention, rollouts(attention), (height, width))
