"""A sampler's settings from keyword arguments, checked."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from src.errors import UserError
from src.sampler.config import SamplerConfig, check_sampler

LAST_TEMPERATURE = 0.01  # upstream's end of the line when only its start is given


def sampler_config(
    name: Any,
    num_steps: Any,
    guidance_scale: Any,
    choice_temperature: Any,
    sampling_temperature: Any,
    schedule: Any,
    follows_upstream: bool,
) -> SamplerConfig:
    """The settings that the arguments spell out; raises UserError for impossible ones.

    choice_temperature: of the first and the last step; a single number ends at 0.01.
    follows_upstream: guidance up to 1 is off, where our law mixes below 1 (see guidance.py).
    """
    ends = choice_temperature
    if not isinstance(choice_temperature, Sequence):
        ends = (choice_temperature, LAST_TEMPERATURE)
    if len(ends) != 2:
        raise UserError(
            f"choice_temperature={choice_temperature!r} is impossible; give the first step's and "
            "the last step's, as in (2.0, 0.0)."
        )
    start, end = ends
    given = (name, num_steps, guidance_scale, start, end, sampling_temperature, schedule)
    config = SamplerConfig()
    for entry, value in zip(fields(SamplerConfig), given, strict=True):
        setattr(config, entry.name, value)  # of any type: the check tells, not the constructor
    check_sampler(config)
    is_off = follows_upstream and config.guidance_scale < 1
    return replace(config, guidance_scale=1.0) if is_off else config
