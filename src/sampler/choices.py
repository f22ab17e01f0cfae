"""The choices of a step for a whole batch, and who makes them.

There are two: `SeededNoise` makes every random number a pure function of (seed, step, position) and
lets any sampler decide, picture by picture; `GeneratorNoise` repeats aMUSEd's reference scheduler
bit for bit. They differ in more than the numbers: in precision, and in how ties end. So a source of
randomness makes the whole choice, and the loop reads the same for both.

Dimensions: batch, seq (tokens of one image, row by row), codes.
"""

from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.sampler.config import SamplerConfig
from src.sampler.plan import StepPlan


class Canvas(NamedTuple):
    """A batch in the middle of a decoding."""

    token_ids: Int[Tensor, "batch seq"]  # the mask id where hidden
    is_masked: Bool[Tensor, "batch seq"]  # True = hidden
    is_given: Bool[Tensor, "batch seq"]  # True = known from the start
    confidence: Float[Tensor, "batch seq"]  # nats; see Step
    margin: Float[Tensor, "batch seq"]  # nats, log p ahead of the best other code when drawn
    grid: tuple[int, int]  # height, width


class Decision(NamedTuple):
    """What a step does; where nothing was hidden, codes and log_probs mean nothing."""

    codes: Int[Tensor, "batch seq"]
    log_probs: Float[Tensor, "batch seq"]  # float32, nats, of the guided distribution, no noise
    is_hidden: Bool[Tensor, "batch seq"]  # after the step
    num_scheduled: Int[Tensor, "batch"]

    def with_all_kept(self, has_ended: Bool[Tensor, "batch"] | None = None) -> "Decision":
        """The last step's, whatever the sampler would still hide; of all pictures, or of some."""
        if has_ended is None:
            has_ended = torch.ones_like(self.num_scheduled, dtype=torch.bool)
        return self._replace(
            is_hidden=self.is_hidden & ~has_ended[:, None],
            num_scheduled=self.num_scheduled.masked_fill(has_ended, 0),
        )


@runtime_checkable
class Noise(Protocol):
    """A source of randomness for a whole batch."""

    guidance_dtype: torch.dtype | None  # what guided logits are computed in; None = as predicted

    def check(self, batch: int, config: SamplerConfig) -> None:
        """Refuse a batch or settings that this source cannot serve; raises UserError."""

    def is_open(self, canvas: Canvas, now: StepPlan) -> Bool[Tensor, "batch"]:
        """Whether a step can change a picture; where it cannot, the model is not asked."""

    def decide(
        self, canvas: Canvas, guided: Float[Tensor, "batch seq codes"], now: StepPlan
    ) -> Decision:
        """Draw a code at every hidden position, and say which positions are hidden afterwards."""
