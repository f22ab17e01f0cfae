"""The choices a step leaves to chance, and how a sampler asks for them.

noise.py answers in two ways: `SeededNoise` makes every number a pure function of (seed, step,
position), `GeneratorNoise` repeats aMUSEd's reference scheduler bit for bit. They differ in more
than the numbers: in precision, and in how ties end. So a source of randomness makes the whole
choice, and a sampler reads the same for both.

Dimensions: batch, seq (tokens of one image, row by row), codes.
"""

from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.sampler.config import SamplerConfig


class Drawn(NamedTuple):
    """One code per hidden position; where nothing is hidden the values mean nothing."""

    codes: Int[Tensor, "batch seq"]
    log_probs: Float[Tensor, "batch seq"]  # float32, nats, of the guided distribution, no noise
    probs: Float[Tensor, "batch seq"]  # the same as a probability, in the logits' precision


@runtime_checkable
class Noise(Protocol):
    """A source of randomness for a whole batch. Steps count from 1; every call names its step."""

    guidance_dtype: torch.dtype | None  # what guided logits are computed in; None = as predicted

    def check_batch(self, batch: int) -> None:
        """Refuse a batch this source cannot serve; raises UserError."""

    def draw_codes(
        self,
        guided: Float[Tensor, "batch seq codes"],
        is_masked: Bool[Tensor, "batch seq"],
        step: int,
        config: SamplerConfig,
    ) -> Drawn:
        """Draw a code at every hidden position from softmax(guided / sampling_temperature).

        The log-probability reported is that of softmax(guided): a low sampling temperature makes
        every draw certain, but says nothing about how sure the model was.
        """

    def num_scheduled(
        self,
        is_masked: Bool[Tensor, "batch seq"],
        is_given: Bool[Tensor, "batch seq"],
        step: int,
        config: SamplerConfig,
    ) -> Int[Tensor, "batch"]:
        """How many positions stay hidden after `step`; see counts.py."""

    def choose_hidden(
        self,
        drawn: Drawn,
        is_masked: Bool[Tensor, "batch seq"],
        num_scheduled: Int[Tensor, "batch"],
        step: int,
        config: SamplerConfig,
    ) -> Bool[Tensor, "batch seq"]:
        """Which positions stay hidden: the lowest log p + choice temperature x Gumbel noise."""
