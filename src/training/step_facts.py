"""What one training step of a masked image model tells about itself.

A module that wants to be watched leaves `self.step_facts = StepFacts(...)` at the end of its
`training_step`, from what it has at hand anyway:

    told = drop_prompts(text, null_text, drop_prob, rng)
    hidden = hide_tokens(token_ids, mask_token_id, masking, rng)
    logits = uvit(hidden.token_ids, *told, micro_cond)
    self.step_facts = StepFacts(
        logits.detach(), hidden.token_ids, hidden.targets, hidden.is_masked, loss.detach(),
        is_dropped=dropped_prompts(text, null_text, told),
    )

The facts are those of the step as it was: `token_ids` is what the transformer really read,
`targets` what the loss really scored. A second copy made for the monitor would hide a bug.

Dimensions: batch, height and width (of the token grid), seq = height * width, codes, prompted (rows
that have a prompt of their own).
"""

from typing import NamedTuple

from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.conditioning.text import Text


class StepFacts(NamedTuple):
    """One step, as it was; the last two are the callback's to fill in."""

    logits: Float[Tensor, "batch seq codes"]
    token_ids: Int[Tensor, "batch height width"]  # what the transformer read
    targets: Int[Tensor, "batch height width"]  # ids that the loss scores, else IGNORED_TARGET
    is_masked: Bool[Tensor, "batch height width"]  # True = hidden from the transformer
    loss: Float[Tensor, ""]  # what backward began from
    is_dropped: Bool[Tensor, " prompted"] | None = None  # None = a model without prompts
    gradient_norm: float | None = None  # before clipping; None = no optimizer step was made
    is_loss_scaled: bool = False  # float16: the scaler tries, and skips, steps that overflow


def dropped_prompts(text: Text, null_text: Text, told: Text) -> Bool[Tensor, " prompted"]:
    """Which rows were told the empty prompt instead of their own, seen from what arrived.

    Rows whose own prompt is empty are left out: nobody can tell whether those were dropped.
    text: every row's own prompt; null_text: the empty one, one row; told: what the model heard.
    """
    has_own = (text.pooled_text != null_text.pooled_text).any(dim=1)
    is_null = (told.pooled_text == null_text.pooled_text).all(dim=1)
    return is_null[has_own]
