"""What each step of a decoding follows: the laws of the settings, computed before the first step.

Every number comes from the step's place alone, never from the number before it (a temperature that
is multiplied into itself is a known fault of this lineage). Sources: peers' laws as published;
cosine guidance is MaskGen's and MaskBit's, linear guidance MAR's.
"""

import math
from typing import NamedTuple

import torch

from src.masking.schedule import mask_ratio
from src.sampler.config import SamplerConfig


class StepPlan(NamedTuple):
    """The numbers of one step."""

    step: int  # from 1
    rule: str  # the sampler that decides, one of KNOWN_SAMPLERS
    ratio_before: float  # hidden share of what was hidden at the start, 1..0
    ratio_after: float  # the same after this step
    guidance_scale: float  # where the hidden share lies in the interval; 1 outside
    choice_temperature: float
    sampling_temperature: float
    config: SamplerConfig  # all the settings

    @property
    def is_last(self) -> bool:
        return self.step == self.config.num_steps

    @property
    def progress(self) -> float:
        """How far along the decoding is after this step, above 0 and up to 1."""
        return self.step / self.config.num_steps


def make_plan(config: SamplerConfig) -> list[StepPlan]:
    """One `StepPlan` a step, of checked settings that name their guidance and schedule."""
    total = config.num_steps
    return [
        StepPlan(
            step=step,
            rule=_rule(step, config),
            ratio_before=hidden_share((step - 1) / total, config),
            ratio_after=hidden_share(step / total, config),
            guidance_scale=_guidance_scale(step, config),
            choice_temperature=_choice_temperature(step, config),
            sampling_temperature=_sampling_temperature(step, config),
            config=config,
        )
        for step in range(1, total + 1)
    ]


def hidden_share(progress: float, config: SamplerConfig) -> float:
    """The schedule's, 1..0, in float64; all at the start, none at the end, in any law."""
    if progress in (0, 1):
        return 1.0 - progress
    loops = config.name == "remask" and config.remask.strategy == "loop"
    place = _with_loop(progress, config) if loops else progress
    return mask_ratio(torch.tensor(place, dtype=torch.float64), config.schedule).item()


def _rule(step: int, config: SamplerConfig) -> str:
    """A hybrid begins with one sampler and ends with another."""
    is_begun = config.then is None or step / config.num_steps <= config.then_after
    return config.name if is_begun else config.then


def _with_loop(progress: float, config: SamplerConfig) -> float:
    """The schedule's clock, stopped while the loop runs and faster after it (ReMDM section 4)."""
    begin, end = config.remask.loop_from, config.remask.loop_to
    if progress <= end:
        return min(progress, begin)
    return begin + (progress - end) * (1 - begin) / (1 - end)


def _guidance_scale(step: int, config: SamplerConfig) -> float:
    """Real numbers, whichever the law; 1 is guidance off."""
    if config.guidance_scales is not None:
        return float(config.guidance_scales[step - 1])
    grown = (step / config.num_steps) ** config.guidance_power
    if config.guidance == "cosine":
        grown = (1 - math.cos(math.pi * grown)) / 2
    if config.guidance == "constant" or grown == 1:
        return config.guidance_scale
    return 1 + (config.guidance_scale - 1) * grown


def _choice_temperature(step: int, config: SamplerConfig) -> float:
    if config.choice_temperatures is not None:
        return float(config.choice_temperatures[step - 1])
    start, end = config.choice_temperature_start, config.choice_temperature_end
    return _between(start, end, config.choice_temperature_power, step, config.num_steps)


def _sampling_temperature(step: int, config: SamplerConfig) -> float:
    if config.sampling_temperatures is not None:
        return float(config.sampling_temperatures[step - 1])
    start, end = config.sampling_temperature, config.sampling_temperature_end
    if end is None:
        return start
    return _between(start, end, config.sampling_temperature_power, step, config.num_steps)


def _between(start: float, end: float, power: float, step: int, num_steps: int) -> float:
    """From start in step 1 to end in the last step, along (1 - done)^power; 1 = a straight line."""
    if num_steps == 1:
        return start
    done = (step - 1) / (num_steps - 1)
    if power == 1:
        return (1 - done) * start + done * end
    left = (1 - done) ** power
    return left * start + (1 - left) * end
