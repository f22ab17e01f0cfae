"""One seed a picture: random numbers that no company, order or machine changes.

Dimensions: batch, seq (tokens of one image, row by row), codes.
"""

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from src.errors import UserError, shown
from src.sampler.choices import Canvas, Counts, Decision
from src.sampler.config import SamplerConfig
from src.sampler.model_pass import Guided
from src.sampler.one_picture import Seen
from src.sampler.plan import StepPlan
from src.sampler.registry import find_rule, has_work
from src.sampler.sending import sent

LARGEST_SEED = 2**64 - 1
EVERY_STEP = 0  # the counter's step of numbers that are the same in all of them


class SeededNoise:
    """Every random number is a pure function of (seed, step, position); counts are always exact.

    The numbers are NumPy's Philox-4x64, a counter-based generator whose stream NumPy promises to
    keep: the seed is the key, the step stands in the counter, so no draw depends on how many came
    before it. A rule sees one picture at a time; if the logits of a picture do not depend on its
    batch, neither does any choice made here.
    """

    guidance_dtype = torch.float32
    looks_everywhere = False

    def __init__(self, seeds: Sequence[Any]) -> None:
        """seeds: whole numbers from 0 to 2**64 - 1, one a picture; UserError for anything else."""
        self.seeds = [_checked_seed(seed, index) for index, seed in enumerate(seeds)]
        self._generators = [np.random.Philox(key=seed) for seed in self.seeds]

    def check(self, batch: int, config: SamplerConfig) -> None:
        if len(self.seeds) != batch:
            raise UserError(
                f"there are {len(self.seeds)} seeds for {batch} pictures; give each one."
            )

    def is_open(self, counts: Counts, now: StepPlan) -> list[bool]:
        return has_work(counts, now)

    def decide(self, canvas: Canvas, guided: Guided, counts: Counts, now: StepPlan) -> Decision:
        """What the step's rule decides of each picture; one with nothing left to do stays."""
        codes = canvas.token_ids.clone()
        log_probs = canvas.confidence.clone()
        is_hidden = canvas.is_masked.clone()
        num_scheduled = list(counts.hidden)
        rule = find_rule(now.rule)
        for picture, is_open in enumerate(self.is_open(counts, now)):
            if not is_open:
                continue
            logits, positions = guided.hidden_of(picture, counts.hidden[picture])
            table = logits.float().log_softmax(dim=-1)  # (hidden, codes)
            state = (field[picture] for field in canvas[:4])
            seen = Seen(table, positions, *state, canvas.grid, counts.free[picture])
            choice = rule(seen, self.draws(picture, now.step, seen.token_ids), now)
            codes[picture, positions], is_hidden[picture] = choice.codes, choice.is_hidden
            log_probs[picture, positions] = table.gather(1, choice.codes[:, None])[:, 0]
            num_scheduled[picture] = choice.num_scheduled
        return Decision(codes, log_probs, is_hidden, num_scheduled, num_scheduled)

    def draws(self, picture: int, step: int, like: Tensor) -> "PictureDraws":
        """The randomness of one picture in one step, as many numbers as `like` and beside it."""
        return PictureDraws(self, picture, step, like)

    def uniforms(self, picture: int, step: int, purpose: int, count: int) -> np.ndarray:
        """Float64 numbers strictly between 0 and 1; position p's is the p-th."""
        generator = self._generators[picture]
        state = generator.state
        state["state"]["counter"][:] = (0, step, purpose, 0)
        state["buffer_pos"] = len(state["buffer"])  # nothing left over from an earlier step
        generator.state = state
        bits = generator.random_raw(count) >> np.uint64(12)  # 52 bits: the half below stays exact
        return (bits + 0.5) * 2.0**-52


class PictureDraws(NamedTuple):
    """The random numbers of one picture in one step; see `Draws`."""

    noise: SeededNoise
    picture: int
    step: int
    like: Int[Tensor, "seq"]

    def uniform(self, purpose: int) -> Float[Tensor, "seq"]:
        """Strictly between 0 and 1; the same purpose gives the same numbers again."""
        return self._numbers(self.step, purpose)

    def gumbel(self, purpose: int) -> Float[Tensor, "seq"]:
        """- log(- log u): the noise that turns a largest score into a draw."""
        # NumPy's logarithm, as in every published picture
        uniform = self.noise.uniforms(self.picture, self.step, purpose, len(self.like))
        return sent(torch.from_numpy(-np.log(-np.log(uniform))), self.like.device)

    def of_picture(self, purpose: int) -> Float[Tensor, "seq"]:
        """Uniform numbers that are the same in every step."""
        return self._numbers(EVERY_STEP, purpose)

    def _numbers(self, step: int, purpose: int) -> Float[Tensor, "seq"]:
        numbers = self.noise.uniforms(self.picture, step, purpose, len(self.like))
        return sent(torch.from_numpy(numbers), self.like.device)


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
