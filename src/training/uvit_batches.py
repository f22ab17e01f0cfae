"""The batches a U-ViT learns from: samples, what of them is hidden, whose prompt is dropped.

All of it is drawn for the step's whole global batch and then dealt out, so that no number depends
on how many processes or passes share a step. Dimensions: batch, rows and columns of the token grid.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from src.conditioning.dropout import draw_dropped
from src.masking.config import MaskingConfig
from src.masking.draw import Corruption, draw_corruption
from src.training.batches import Dealt, step_generator
from src.training.config import TrainingConfig
from src.training.rows import Rows, Samples
from src.transformer.config import TransformerConfig


class TrainingBatch(NamedTuple):
    """What one pass through the model is given: nothing is left to draw."""

    samples: Samples
    corruption: Corruption
    is_dropped: Bool[Tensor, "batch"]  # prompts that are replaced by the empty one
    numbers: Int[Tensor, "batch"]  # of the samples, over all epochs
    num_masked: Int[Tensor, ""]  # hidden tokens of the whole step, over all parts and ranks


class UvitBatches:
    """Any part of step k, as a function of k."""

    def __init__(
        self,
        rows: Rows,
        settings: TransformerConfig,
        masking: MaskingConfig,
        config: TrainingConfig,
        seed: int,
        dealt: Dealt,
    ):
        """Serve `rows` to a U-ViT of these settings."""
        self.rows, self.settings, self.masking = rows, settings, masking
        self.config, self.seed, self.dealt = config, seed, dealt

    def __call__(self, step: int, part: slice) -> TrainingBatch:
        size, side = self.dealt.global_batch, self.settings.sample_size
        rng = step_generator(self.seed, step)
        config = self.config
        is_dropped = draw_dropped(size, config.drop_prob, rng, config.is_dropout_inverted)
        corruption = draw_corruption(
            size, side, side, self.settings.codebook_size, self.masking, rng
        )
        numbers = range(step * size, (step + 1) * size)[part]
        return TrainingBatch(
            self.rows.samples(numbers),
            corruption.part(part),
            is_dropped[part],
            torch.tensor(numbers),
            corruption.is_masked.sum(),
        )
