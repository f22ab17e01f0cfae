"""The two sources of a sampler's randomness: one seed a picture, or upstream's one generator.

Dimensions: batch, seq (tokens of one image, row by row), codes, hidden (positions to draw).
"""

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from src.errors import UserError, shown
from src.sampler.choices import Drawn
from src.sampler.config import SamplerConfig
from src.sampler.counts import exact_count, upstream_count

FOR_CODE, FOR_CHOICE = 0, 1  # what a uniform number decides: which code, or which position
LARGEST_SEED = 2**64 - 1


class SeededNoise:
    """Every random number is a pure function of (seed, step, position); counts are always exact.

    The numbers are NumPy's Philox-4x64, a counter-based generator whose stream NumPy promises to
    keep: the seed is the key, the step stands in the counter, so no draw depends on how many came
    before it. All arithmetic runs picture by picture, on shapes that only that picture decides; if
    the logits of a picture do not depend on its batch, neither does any choice made here.

    A code is drawn by inverting the distribution function, summed in float64: one number a
    position, where the Gumbel trick would need one a code.
    """

    guidance_dtype = torch.float32

    def __init__(self, seeds: Sequence[Any]) -> None:
        """seeds: whole numbers from 0 to 2**64 - 1, one a picture; UserError for anything else."""
        self.seeds = [_checked_seed(seed, index) for index, seed in enumerate(seeds)]
        self._generators = [np.random.Philox(key=seed) for seed in self.seeds]

    def check_batch(self, batch: int) -> None:
        if len(self.seeds) != batch:
            raise UserError(
                f"there are {len(self.seeds)} seeds for {batch} pictures; give each one."
            )

    def draw_codes(
        self,
        guided: Float[Tensor, "batch seq codes"],
        is_masked: Bool[Tensor, "batch seq"],
        step: int,
        config: SamplerConfig,
    ) -> Drawn:
        batch, seq, _ = guided.shape
        codes = torch.zeros(batch, seq, dtype=torch.int64, device=guided.device)
        log_probs = torch.zeros(batch, seq, dtype=torch.float32, device=guided.device)
        for picture, uniform in enumerate(self.uniforms(seq, step, FOR_CODE)):
            hidden = is_masked[picture]  # (seq,)
            table = guided[picture, hidden].float().log_softmax(dim=-1)  # (hidden, codes)
            chance = torch.from_numpy(uniform).to(guided.device)[hidden]  # (hidden,)
            drawn = draw_by_inversion(table, chance, config.sampling_temperature)
            codes[picture, hidden] = drawn
            log_probs[picture, hidden] = table.gather(1, drawn[:, None])[:, 0]
        return Drawn(codes, log_probs, log_probs.exp())

    def num_scheduled(
        self,
        is_masked: Bool[Tensor, "batch seq"],
        is_given: Bool[Tensor, "batch seq"],
        step: int,
        config: SamplerConfig,
    ) -> Int[Tensor, "batch"]:
        return exact_count(is_masked, is_given, step / config.num_steps, config.schedule)

    def choose_hidden(
        self,
        drawn: Drawn,
        is_masked: Bool[Tensor, "batch seq"],
        num_scheduled: Int[Tensor, "batch"],
        step: int,
        config: SamplerConfig,
    ) -> Bool[Tensor, "batch seq"]:
        """By rank, so exactly `num_scheduled`; of equals the first positions stay hidden."""
        seq, device = is_masked.shape[1], is_masked.device
        gumbel = np.stack([-np.log(-np.log(u)) for u in self.uniforms(seq, step, FOR_CHOICE)])
        noise = _choice_temperature(step, config) * torch.from_numpy(gumbel).to(device)
        score = (drawn.log_probs.double() + noise).masked_fill(~is_masked, torch.inf)
        order = score.argsort(dim=1, stable=True)  # the least certain first
        is_low = torch.arange(seq, device=device) < num_scheduled[:, None]  # by rank
        return torch.zeros_like(is_masked).scatter(1, order, is_low)

    def uniforms(self, seq: int, step: int, purpose: int) -> list[Float[np.ndarray, "seq"]]:
        """Float64 numbers strictly between 0 and 1, a row a seed; position p's is the p-th."""
        rows = []
        for generator in self._generators:
            state = generator.state
            state["state"]["counter"][:] = (0, step, purpose, 0)
            state["buffer_pos"] = len(state["buffer"])  # nothing left over from an earlier step
            generator.state = state
            bits = generator.random_raw(seq) >> np.uint64(12)  # 52 bits: the half below stays exact
            rows.append((bits + 0.5) * 2.0**-52)
        return rows


class GeneratorNoise:
    """aMUSEd's reference scheduler bit for bit: its draws, their order, its float32, its ties.

    A step draws a code for every position of the batch, hidden or not, then one Gumbel number a
    position; the last step draws no Gumbel numbers. Both on the generator's device. Positions
    strictly below a cut-off stay hidden, so ties leave fewer than scheduled; in float16 a Gumbel
    number can be -infinity (a uniform 0, one in 2,048) and hide a settled position again. A picture
    depends on the whole batch. Source: AmusedScheduler.step of diffusers 0.42.1.
    """

    guidance_dtype = None

    def __init__(self, generator: Any) -> None:
        """generator: a torch.Generator for the whole batch; UserError for a list of them."""
        if not isinstance(generator, Generator):
            raise UserError(
                f"generator is a {type(generator).__name__}; give one torch.Generator for the "
                "whole batch, or seeds, one a picture."
            )
        self.generator = generator

    def check_batch(self, batch: int) -> None:
        """One stream serves any batch."""

    def draw_codes(
        self,
        guided: Float[Tensor, "batch seq codes"],
        is_masked: Bool[Tensor, "batch seq"],
        step: int,
        config: SamplerConfig,
    ) -> Drawn:
        """Known positions draw too, for nothing, or the stream would shift."""
        probs = guided.softmax(dim=-1)
        codes = self._multinomial(guided, probs, config.sampling_temperature)
        log_probs = guided.float().log_softmax(dim=-1)
        index = codes[:, :, None]
        return Drawn(codes, log_probs.gather(2, index)[:, :, 0], probs.gather(2, index)[:, :, 0])

    def _multinomial(self, guided: Tensor, probs: Tensor, temperature: float) -> Tensor:
        if temperature == 0:
            return guided.argmax(dim=-1)
        if temperature != 1:  # upstream knows no other; its stream is used in the same way
            probs = _tempered(guided.float().log_softmax(dim=-1), temperature).to(probs.dtype)
        batch, seq, codes = probs.shape
        table = probs.to(self.generator.device).reshape(batch * seq, codes)
        if table.device.type == "cpu":
            table = table.float()
        drawn = torch.multinomial(table, 1, generator=self.generator)
        return drawn.view(batch, seq).to(guided.device)

    def num_scheduled(
        self,
        is_masked: Bool[Tensor, "batch seq"],
        is_given: Bool[Tensor, "batch seq"],
        step: int,
        config: SamplerConfig,
    ) -> Int[Tensor, "batch"]:
        return upstream_count(is_masked, is_given, step, config.num_steps, config.schedule)

    def choose_hidden(
        self,
        drawn: Drawn,
        is_masked: Bool[Tensor, "batch seq"],
        num_scheduled: Int[Tensor, "batch"],
        step: int,
        config: SamplerConfig,
    ) -> Bool[Tensor, "batch seq"]:
        """Strictly below the cut-off; settled positions count as almost infinitely probable."""
        device, dtype = drawn.probs.device, drawn.probs.dtype
        probs = drawn.probs.masked_fill(~is_masked, torch.finfo(dtype).max)
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
        score = probs.clamp(1e-20).log() + temperatures[step - 1].view(1, 1) * gumbel
        cut_off = score.sort(dim=-1).values.gather(1, num_scheduled[:, None])
        return score < cut_off


def draw_by_inversion(
    log_probs: Float[Tensor, "hidden codes"],
    uniform: Float[Tensor, "hidden"],
    temperature: float,
) -> Int[Tensor, "hidden"]:
    """The first code whose summed probability exceeds `uniform`; a code of probability 0 never is.

    uniform: float64, strictly between 0 and 1. temperature 0: the most probable code, the first of
    equals.
    """
    if temperature == 0:
        return log_probs.argmax(dim=-1)
    probs = log_probs.exp() if temperature == 1 else _tempered(log_probs, temperature)
    summed = probs.cumsum(dim=-1, dtype=torch.float64)
    threshold = uniform[:, None] * summed[:, -1:]  # below the last sum, as uniform is below 1
    return torch.searchsorted(summed, threshold, right=True)[:, 0]


def _tempered(log_probs: Tensor, temperature: float) -> Tensor:
    """softmax(log p / temperature), from the best code down so that no temperature overflows."""
    below_best = (log_probs - log_probs.amax(dim=-1, keepdim=True)).double()
    return (below_best / temperature).softmax(dim=-1)


def _choice_temperature(step: int, config: SamplerConfig) -> float:
    """On the straight line from start (step 1) to end (last step); no step builds on another."""
    if config.num_steps == 1:
        return config.choice_temperature_start
    done = (step - 1) / (config.num_steps - 1)
    return (1 - done) * config.choice_temperature_start + done * config.choice_temperature_end


def _checked_seed(seed: object, index: int) -> int:
    try:
        if isinstance(seed, bool | np.bool_):
            raise TypeError
        whole = operator.index(seed)
    except TypeError:
        whole = -1
    if not 0 <= whole <= LARGEST_SEED:
        raise UserError(
            f"seeds[{index}] is {shown(seed)}; a seed is a whole number from 0 to {LARGEST_SEED}."
        )
    return whole
