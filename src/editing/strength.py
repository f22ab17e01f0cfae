"""How much of a picture an edit leaves: where in a generation it enters, and which tokens hide.

A variation of strength s enters a generation at progress 1 - s: it hides as many tokens as the
schedule hides there, and takes the steps that are left, each with the temperatures and the guidance
that it has in a whole generation. Strength 1 is a whole generation; at 0 nothing is hidden.
(Upstream truncates strength x steps, throws a coin for every token, so that their number is
another each time, and hides nothing at all at strength 1.)

Dimensions: batch, height, width (in tokens).
"""

import math
from dataclasses import replace

import torch
from jaxtyping import Bool
from torch import Tensor

from src.editing.scattered import ROUNDING, scattered
from src.errors import UserError, shown
from src.masking.config import BY_HAND, read_schedule
from src.masking.schedule import mask_ratio
from src.sampler.config import SamplerConfig
from src.sampler.one_picture import FOR_START
from src.sampler.plan import StepPlan, hidden_share, make_plan


def check_strength(strength: object) -> None:
    """Refuse what is no number from 0 to 1; raises UserError."""
    is_number = isinstance(strength, int | float) and not isinstance(strength, bool)
    if not is_number or not 0 <= strength <= 1:  # NaN is neither
        raise UserError(
            f"strength={shown(strength)} is impossible; give a number from 0, which keeps the "
            "picture, to 1, which ignores it."
        )


def hidden_at_start(
    is_touched: Bool[Tensor, "batch height width"],
    strength: int | float,
    config: SamplerConfig,
    seeds: list[int],
) -> Bool[Tensor, "batch height width"]:
    """Which of the tokens that an edit may touch are hidden, exactly as many as the schedule says.

    What a smaller strength hides, a larger one hides too.
    """
    return scattered(is_touched, hidden_share(1.0 - strength, config), seeds, FOR_START)


def entered(config: SamplerConfig, strength: int | float) -> SamplerConfig:
    """The settings of the steps that are left of a generation; all of them at strength 1.

    Shares of steps (`then_after`, the remask loop) count from the entry; the loop's schedule too.
    """
    if strength == 1:
        return config
    steps_before = math.floor((1 - strength) * config.num_steps + ROUNDING)
    plan = make_plan(config)[min(steps_before, config.num_steps - 1) :]
    at_start = hidden_share(1.0 - strength, config)
    left = replace(
        config,
        num_steps=len(plan),
        choice_temperatures=[step.choice_temperature for step in plan],
    )
    if config.sampling_temperatures is not None or config.sampling_temperature_end is not None:
        left.sampling_temperatures = [step.sampling_temperature for step in plan]
        left.sampling_temperature_end, left.sampling_temperature_power = None, 1.0
    if config.guidance_scales is not None or config.guidance != "constant":
        left.guidance_scales = [step.guidance_scale for step in plan]
        left.guidance, left.guidance_power = "constant", 1.0
    if at_start:
        _keep_interval(left, at_start)
    left.schedule = _schedule_of(plan, at_start)
    return left


def _keep_interval(left: SamplerConfig, at_start: float) -> None:
    """Guide at the hidden shares of the whole generation, counted here from what is hidden."""
    begin, end = left.guidance_from / at_start, left.guidance_to / at_start
    left.guidance_from, left.guidance_to = min(begin + ROUNDING, 1.0), max(end - ROUNDING, 0.0)
    if left.guidance_to > 1:  # it ended before
        left.guidance_from, left.guidance_to = 1.0, 0.0
        left.guidance_scales = [1.0] * left.num_steps


def _schedule_of(plan: list[StepPlan], at_start: float) -> str:
    """Hidden shares of what is hidden at the start; a loop's is the whole one."""
    config = plan[0].config
    if config.name == "remask" and config.remask.strategy == "loop":
        law, _ = read_schedule(config.schedule)
        if law != BY_HAND:
            return config.schedule
        places = torch.arange(1, len(plan) + 1, dtype=torch.float64) / len(plan)
        shares = mask_ratio(places, config.schedule).tolist()
    else:
        shares = [step.ratio_after / at_start if at_start else 0.0 for step in plan]
    return f"{BY_HAND}:" + "/".join(repr(min(share, 1.0)) for share in shares)
