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
from src.sampler.model_pass import Guided
from src.sampler.plan import StepPlan


class Canvas(NamedTuple):
    """A batch in the middle of a decoding."""

    token_ids: Int[Tensor, "batch seq"]  # the mask id where hidden
    is_masked: Bool[Tensor, "batch seq"]  # True = hidden
    is_given: Bool[Tensor, "batch seq"]  # True = known from the start
    confidence: Float[Tensor, "batch seq"]  # nats; see Step
    margin: Float[Tensor, "batch seq"]  # nats, log p ahead of the best other code when drawn
    grid: tuple[int, int]  # height, width


class Counts(NamedTuple):
    """What is known of a batch without looking at its tensors, and so without waiting for a GPU."""

    hidden: list[int]  # positions hidden, of each picture
    free: list[int]  # positions not given, of each picture


class Decision(NamedTuple):
    """What a step does; where nothing was hidden, codes and log_probs mean nothing."""

    codes: Int[Tensor, "batch seq"]
    log_probs: Float[Tensor, "batch seq"]  # float32, nats, of the guided distribution, no noise
    is_hidden: Bool[Tensor, "batch seq"]  # after the step
    num_scheduled: list[int]  # of each picture
    num_hidden: list[int]  # how many are hidden

    def with_all_kept(self, has_ended: list[bool] | None = None) -> "Decision":
        """The last step's, whatever the sampler would still hide; of all pictures, or of some."""
        has_ended = [True] * len(self.num_hidden) if has_ended is None else has_ended
        is_hidden = self.is_hidden.clone()
        for picture, is_over in enumerate(has_ended):
            if is_over:
                is_hidden[picture] = False
        counts = (
            [0 if is_over else count for is_over, count in zip(has_ended, each, strict=True)]
            for each in (self.num_scheduled, self.num_hidden)
        )
        return Decision(self.codes, self.log_probs, is_hidden, *counts)


@runtime_checkable
class Noise(Protocol):
    """A source of randomness for a whole batch."""

    guidance_dtype: torch.dtype | None  # what guided logits are computed in; None = as predicted
    looks_everywhere: bool  # whether it needs logits of positions that are not hidden

    def check(self, batch: int, config: SamplerConfig) -> None:
        """Refuse a batch or settings that this source cannot serve; raises UserError."""

    def is_open(self, counts: Counts, now: StepPlan) -> list[bool]:
        """Whether a step can change a picture; where it cannot, the model is not asked."""

    def decide(self, canvas: Canvas, guided: Guided, counts: Counts, now: StepPlan) -> Decision:
        """Draw a code at every hidden position, and say which positions are hidden afterwards."""
