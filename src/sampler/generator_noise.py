"""One generator a batch: aMUSEd's reference scheduler bit for bit.

Dimensions: batch, seq (tokens of one image, row by row), codes.
"""

from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from src.errors import UserError
from src.sampler.choices import Canvas, Counts, Decision
from src.sampler.config import SamplerConfig
from src.sampler.counts import upstream_count
from src.sampler.draw import softened
from src.sampler.model_pass import Guided
from src.sampler.plan import StepPlan
from src.sampler.registry import has_work

UPSTREAM_KEYS = (
    *("num_steps", "guidance_scale", "sampling_temperature", "schedule"),
    *("choice_temperature_start", "choice_temperature_end"),
)


class GeneratorNoise:
    """The reference's draws, their order, its float32, its ties.

    A step draws a code for every position of the batch, hidden or not, then one Gumbel number a
    position; the last step draws no Gumbel numbers. Both on the generator's device. Positions
    strictly below a cut-off stay hidden, so ties leave fewer than scheduled; in float16 a Gumbel
    number can be -infinity (a uniform 0, one in 2,048) and hide a settled position again. A picture
    depends on the whole batch. Source: AmusedScheduler.step of diffusers 0.42.1.
    """

    guidance_dtype = None
    looks_everywhere = True  # known positions draw too

    def __init__(self, generator: Any) -> None:
        """generator: a torch.Generator for the whole batch; UserError for a list of them."""
        if not isinstance(generator, Generator):
            raise UserError(
                f"generator is a {type(generator).__name__}; give one torch.Generator for the "
                "whole batch, or seeds, one a picture."
            )
        self.generator = generator

    def check(self, batch: int, config: SamplerConfig) -> None:
        """One stream serves any batch, and the reference's sampler alone."""
        published = {key: getattr(config, key) for key in UPSTREAM_KEYS}
        if config != replace(SamplerConfig(), **published):
            raise UserError(
                "a generator repeats the reference's sampler, which has no others, no guidance "
                "laws, no shortcuts and no corrector; give seeds, one a picture, instead of a "
                "generator."
            )

    def is_open(self, counts: Counts, now: StepPlan) -> list[bool]:
        return has_work(counts, now)

    def decide(self, canvas: Canvas, guided: Guided, counts: Counts, now: StepPlan) -> Decision:
        """Known positions draw too, for nothing, or the stream would shift."""
        guided = guided.logits  # (batch, seq, codes)
        probs = guided.softmax(dim=-1)
        codes = self._multinomial(guided, probs, now.sampling_temperature)
        index = codes[:, :, None]
        log_probs = guided.float().log_softmax(dim=-1).gather(2, index)[:, :, 0]
        is_masked = canvas.is_masked
        if now.is_last:
            none = [0] * len(codes)
            return Decision(codes, log_probs, torch.zeros_like(is_masked), none, none)
        num_scheduled = self.scheduled(canvas, now)
        drawn = probs.gather(2, index)[:, :, 0]
        is_hidden = self._stay_hidden(drawn, is_masked, num_scheduled, now)
        num_hidden = (is_hidden & ~canvas.is_given).sum(dim=1)
        return Decision(codes, log_probs, is_hidden, num_scheduled.tolist(), num_hidden.tolist())

    def scheduled(self, canvas: Canvas, now: StepPlan) -> Int[Tensor, "batch"]:
        """How many positions the reference leaves hidden."""
        config = now.config
        state = canvas.is_masked, canvas.is_given, now.step, config.num_steps
        return upstream_count(*state, config.schedule)

    def _multinomial(self, guided: Tensor, probs: Tensor, temperature: float) -> Tensor:
        if temperature == 0:
            return guided.argmax(dim=-1)
        if temperature != 1:  # upstream knows no other; its stream is used in the same way
            probs = softened(guided.float().log_softmax(dim=-1), temperature).to(probs.dtype)
        batch, seq, codes = probs.shape
        table = probs.to(self.generator.device).reshape(batch * seq, codes)
        if table.device.type == "cpu":
            table = table.float()
        drawn = torch.multinomial(table, 1, generator=self.generator)
        return drawn.view(batch, seq).to(guided.device)

    def _stay_hidden(
        self,
        drawn: Float[Tensor, "batch seq"],
        is_masked: Bool[Tensor, "batch seq"],
        num_scheduled: Int[Tensor, "batch"],
        now: StepPlan,
    ) -> Bool[Tensor, "batch seq"]:
        """Strictly below the cut-off; settled positions count as almost infinitely probable.

        drawn: the probability of each code drawn, in the logits' precision.
        """
        device, dtype, config = drawn.device, drawn.dtype, now.config
        probs = drawn.masked_fill(~is_masked, torch.finfo(dtype).max)
        uniform = torch.empty(probs.shape, dtype=dtype, device=self.generator.device)
        uniform = uniform.uniform_(0, 1, generator=self.generator).to(device)
        gumbel = -(-uniform.clamp(1e-20).log()).clamp(1e-20).log()
        temperatures = torch.linspace(
            config.choice_temperature_start,
            config.choice_temperature_end,
            config.num_steps,
            device=device,
        )
        # A float32 tensor with a dimension lifts float16 noise to float32; a bare number would not.
        score = probs.clamp(1e-20).log() + temperatures[now.step - 1].view(1, 1) * gumbel
        cut_off = score.sort(dim=-1).values.gather(1, num_scheduled[:, None])
        return score < cut_off
