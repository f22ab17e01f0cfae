"""Does the model listen? Its loss with each picture's own prompt, and with another picture's.

A module that wants to be probed has a method without arguments, of its latest batch:

    def probe_losses(self) -> ProbeLosses:
        def predict_logits(text):  # the same hidden tokens both times, and no prompt dropped
            return self.uvit(hidden.token_ids, *text, batch.micro_cond)
        return probe_prompts(predict_logits, text, batch.prompt_ids, hidden.targets)

Dimensions: batch, words, height and width, seq, codes, rows (pictures whose prompt did change).
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from src.conditioning.text import Text
from src.masking.corrupt import IGNORED_TARGET


class ProbeLosses(NamedTuple):
    """Mean loss over each picture's hidden tokens, in nats."""

    right: Float[Tensor, " rows"]  # with its own prompt
    shuffled: Float[Tensor, " rows"]  # with the prompt of another picture of the batch


@torch.no_grad()
def probe_prompts(
    predict_logits: Callable[[Text], Tensor],
    text: Text,
    prompt_ids: Int[Tensor, "batch words"],
    targets: Int[Tensor, "batch height width"],
) -> ProbeLosses:
    """Tell every picture the prompt of the one before it, and see what that costs.

    Pictures whose prompt stays the same, because their neighbour has it too, are left out: they
    would say that prompts do not matter. In a batch of one prompt no row is left.
    """
    before = torch.arange(len(prompt_ids)).roll(1)
    has_changed = (prompt_ids != prompt_ids[before.to(prompt_ids.device)]).any(dim=1)
    right = row_losses(predict_logits(text), targets)
    shuffled = row_losses(predict_logits(text.rows(before.tolist())), targets)
    has_changed = has_changed.to(right.device)
    return ProbeLosses(right[has_changed], shuffled[has_changed])


def row_losses(
    logits: Float[Tensor, "batch seq codes"], targets: Int[Tensor, "batch height width"]
) -> Float[Tensor, " batch"]:
    """Each picture's mean cross-entropy over its hidden tokens, without label smoothing."""
    targets = targets.flatten(1)
    losses = functional.cross_entropy(  # 0 at ignored places
        logits.float().movedim(-1, 1), targets, ignore_index=IGNORED_TARGET, reduction="none"
    )
    return losses.sum(dim=1) / (targets != IGNORED_TARGET).sum(dim=1)
