"""How well a U-ViT says what was hidden: the training's own question, asked of any pictures.

Dimensions: batch, rows and columns of the token grid, words, seq = rows * columns, codes.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor
from torch.nn import functional

from src.amused import Amused
from src.evaluation.intervals import bootstrap_interval
from src.evaluation.measurement import Measurement
from src.masking.config import MaskingConfig
from src.masking.corrupt import IGNORED_TARGET, hide_tokens

AT_ONCE = 64


@torch.no_grad()
def token_prediction(
    amused: Amused,
    token_ids: Int[Tensor, "batch rows columns"],
    prompt_ids: Int[Tensor, "batch words"],
    micro_cond: Float[Tensor, "batch 5"],
    subject: str,
) -> list[Measurement]:
    """Cross-entropy and accuracy on the hidden tokens of pictures, hidden here and there.

    Shares hidden are drawn from the model's schedule, as in training; rectangles are not, so that
    models trained with and without them compare. A picture's hidden tokens are averaged first, so
    that the interval can resample pictures.

    subject: what the pictures are, in a few words.
    """
    masking = MaskingConfig(schedule=amused.mask_schedule)
    rng = Generator().manual_seed(0)
    device, mask_token_id = amused.device, amused.transformer.mask_token_id
    losses, hits = [], []
    for rows in torch.arange(len(token_ids)).split(AT_ONCE):
        hidden = hide_tokens(token_ids[rows].long().to(device), mask_token_id, masking, rng)
        text = amused.text_encoder(prompt_ids[rows])
        logits = amused.transformer(hidden.token_ids, *text, micro_cond[rows].to(device))
        targets = hidden.targets.flatten(1)
        loss = functional.cross_entropy(  # (batch, seq)
            logits.movedim(-1, 1), targets, ignore_index=IGNORED_TARGET, reduction="none"
        )
        count = (targets != IGNORED_TARGET).sum(dim=1)
        losses.append(loss.sum(dim=1) / count)
        hits.append((logits.argmax(-1) == targets).sum(dim=1) / count)
    return [
        _measured("cross-entropy, nats", torch.cat(losses), subject),
        _measured("token accuracy", torch.cat(hits), subject),
    ]


def _measured(name: str, values: Tensor, subject: str) -> Measurement:
    numbers = values.double().cpu().numpy()
    low, high = bootstrap_interval(numbers, np.random.default_rng(0))
    is_share = name == "token accuracy"
    return Measurement(
        f"{name}, hidden tokens",
        float(numbers.mean()),
        len(numbers),
        low,
        high,
        subject=subject,
        is_higher_better=is_share,
        is_share=is_share,
    )
