"""Which of the five micro-conditions made a difference: integrated gradients on their waves.

The model reads each number as waves (`transformer.blocks.sinusoidal`). On a straight line from the
baseline's waves to the picture's own, the gradients of the log-probability of what was there add up
to the whole difference between the two ends, and each number's share is that of its waves.
Sundararajan et al. 2017 (arXiv 1703.01365), equation 1 and proposition 1 (completeness).

Points between the two ends are waves of no number: a share says how the model leans on the code of
a number, not how it would follow the number as it slowly changes; `micro_cond_effect.sweep` does.

Dimensions: batch (pictures), waves (of all five numbers, side by side), steps.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from src.amused import Amused
from src.conditioning.micro import micro_cond_rows
from src.conditioning.rows import Rows
from src.conditioning.text import Text
from src.data.micro_cond import MicroCond
from src.interpret.checked import check_count
from src.interpret.micro_cond_probe import NAMES
from src.interpret.teacher_forcing import AT_ONCE
from src.masking.corrupt import MaskedTokens
from src.transformer.blocks import sinusoidal
from src.transformer.uvit import UViT

MOST_STEPS = 10_000


class Shares(NamedTuple):
    """How much each number made what was there likelier; nats a hidden token."""

    each: Float[Tensor, "batch 5"]  # in the order of NAMES
    difference: Float[Tensor, "batch"]  # under the own numbers less under the baseline

    @property
    def completeness_error(self) -> float:
        """How far the shares miss the differences, as a share of these; 0 where nothing differs."""
        missed = float((self.each.sum(dim=1) - self.difference).abs().sum())
        return missed / float(self.difference.abs().sum()) if missed else 0.0


def shares(
    amused: Amused,
    hidden: MaskedTokens,
    rows: Rows,
    baseline: MicroCond,
    num_steps: Any = 64,
) -> Shares:
    """Of every picture's own micro-conditions, against what the baseline would have told of it.

    num_steps: points of Gauss-Legendre's rule on the line, each a pass forward and back.
    Raises UserError for an impossible number of them, and for a baseline that no picture can have.
    """
    check_count("num_steps", num_steps, MOST_STEPS)
    micro_cond_rows([baseline], 1)
    nodes, weights = np.polynomial.legendre.leggauss(num_steps)
    line = list(zip((nodes + 1) / 2, weights / 2, strict=True))  # of 0..1
    parts = []
    for numbers in torch.arange(rows.num_pictures).split(AT_ONCE):
        chosen = MaskedTokens(*(field[numbers].to(amused.device) for field in hidden))
        parts.append(
            _shares(amused.transformer, chosen, rows.pick(numbers.tolist()), baseline, line)
        )
    return Shares(*(torch.cat(field).cpu() for field in zip(*parts, strict=True)))


def waves_of(
    transformer: UViT, micro_cond: Float[Tensor, "batch 5"]
) -> Float[Tensor, "batch waves"]:
    """The five numbers as the transformer reads them."""
    return sinusoidal(micro_cond, transformer.config.micro_cond_encode_dim)


def _shares(
    transformer: UViT,
    hidden: MaskedTokens,
    rows: Rows,
    baseline: MicroCond,
    line: list[tuple[float, float]],
) -> Shares:
    """Of a few pictures at once: none sees another, so one gradient of their sum serves all."""
    end = waves_of(transformer, rows.micro_cond)
    start = waves_of(transformer, torch.tensor([baseline]).to(rows.micro_cond)).expand_as(end)
    slope = torch.zeros_like(end, dtype=torch.float64)
    for place, weight in line:
        waves = torch.lerp(start, end, place).requires_grad_()
        said = _log_likelihood(transformer, hidden, rows.text, waves)
        slope += weight * torch.autograd.grad(said.sum(), waves)[0].double()
    each = ((end - start).double() * slope).unflatten(1, (len(NAMES), -1)).sum(dim=2)
    with torch.no_grad():
        ends = [_log_likelihood(transformer, hidden, rows.text, waves) for waves in (start, end)]
    return Shares(each, ends[1] - ends[0])


def _log_likelihood(
    transformer: UViT, hidden: MaskedTokens, text: Text, waves: Float[Tensor, "batch waves"]
) -> Float[Tensor, "batch"]:
    """Mean log-probability of what was there, at each picture's hidden tokens; nats."""
    logits = transformer.predict(hidden.token_ids, transformer.prepare_waves(*text, waves))
    is_masked, targets = hidden.is_masked.flatten(1), hidden.targets.flatten(1)
    log_probs = logits.float().log_softmax(dim=-1)
    true = log_probs.gather(2, targets.clamp(min=0)[..., None])[..., 0]
    return true.double().masked_fill(~is_masked, 0.0).sum(dim=1) / is_masked.sum(dim=1)
