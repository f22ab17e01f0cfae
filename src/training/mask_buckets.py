"""How well hidden tokens are guessed, by how much of the picture is hidden.

The loss of a whole run says little: it depends on the schedule as much as on the model. open-muse
logs its cross-entropy by mask ratio for that reason.

Dimensions: batch, seq, codes, buckets (equal ranges of the mask ratio).
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.masking.corrupt import IGNORED_TARGET
from src.training.baselines import copy_nearest
from src.training.running_sums import RunningSums
from src.training.step_facts import StepFacts


class RowScores(NamedTuple):
    """Sums over the hidden tokens of each picture; on the processor."""

    num_tokens: Float[Tensor, " batch"]
    loss: Float[Tensor, " batch"]  # nats, without label smoothing
    entropy: Float[Tensor, " batch"]  # of the prediction, nats
    num_correct: Float[Tensor, " batch"]
    num_copied: Float[Tensor, " batch"]  # right by copying the nearest visible code
    unigram_loss: Float[Tensor, " batch"]  # by the frequencies of codes alone


def is_scored(facts: StepFacts) -> Bool[Tensor, "batch height width"]:
    """Hidden tokens in the loss: all hidden ones, and nothing else, unless something is wrong."""
    return facts.is_masked & (facts.targets != IGNORED_TARGET)


def row_scores(facts: StepFacts, unigram: Float[Tensor, " codes"]) -> RowScores:
    """Score every picture; unigram: each code's loss by the frequencies, see CodeCounts.losses."""
    chosen = is_scored(facts)
    targets = facts.targets[chosen]  # (tokens,)
    logs = facts.logits.detach()[chosen.flatten(1)].float().log_softmax(dim=-1)  # (tokens, codes)
    copied = copy_nearest(facts.token_ids, facts.is_masked)[chosen]
    scores = [
        torch.ones_like(targets),
        -logs.gather(1, targets[:, None])[:, 0],
        torch.special.entr(logs.exp()).sum(dim=-1),
        logs.argmax(dim=-1) == targets,
        copied == targets,
        unigram.to(targets.device, torch.float32)[targets],
    ]
    by_place = torch.zeros(len(scores), *chosen.shape, device=targets.device)
    by_place[:, chosen] = torch.stack([each.float() for each in scores])
    return RowScores(*by_place.cpu().double().flatten(2).sum(dim=2))  # a fixed order of adding


def bucket_of(
    is_masked: Bool[Tensor, "batch height width"], num_buckets: int
) -> Int[Tensor, " batch"]:
    """The bucket of each picture's mask ratio; one that ends a bucket still belongs to it."""
    flat = is_masked.flatten(1).cpu()
    seq = flat.shape[1]
    return ((flat.sum(dim=1) * num_buckets + seq - 1) // seq - 1).clamp(min=0)


@dataclass
class MaskBuckets(RunningSums):
    """Sums over the tokens of a window of steps, a row per bucket."""

    sums: Float[Tensor, "buckets scores"]

    @classmethod
    def of(cls, num_buckets: int) -> "MaskBuckets":
        return cls(torch.zeros(num_buckets, len(RowScores._fields), dtype=torch.float64))

    def update(self, scores: RowScores, buckets: Int[Tensor, " batch"]) -> None:
        self.sums.index_add_(0, buckets, torch.stack(scores, dim=1))

    @property
    def total(self) -> RowScores:
        """The sums of every bucket; each field (buckets,)."""
        return RowScores(*self.sums.T)

    def numbers(self) -> dict[str, float]:
        """Means per token by name, such as loss_80_100; nothing of a bucket without tokens."""
        total, num_buckets = self.total, len(self.sums)
        told = {}
        for bucket, num_tokens in enumerate(total.num_tokens.tolist()):
            if num_tokens == 0:
                continue
            low, high = 100 * bucket // num_buckets, 100 * (bucket + 1) // num_buckets
            told |= {
                f"loss_{low}_{high}": total.loss[bucket].item() / num_tokens,
                f"token_accuracy_{low}_{high}": total.num_correct[bucket].item() / num_tokens,
                f"copy_accuracy_{low}_{high}": total.num_copied[bucket].item() / num_tokens,
                f"predicted_entropy_{low}_{high}": total.entropy[bucket].item() / num_tokens,
                f"num_tokens_{low}_{high}": num_tokens,
            }
        return told
