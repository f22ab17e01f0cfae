"""A sampler's settings from keyword arguments, checked."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from src.errors import UserError, shown
from src.sampler.config import SamplerConfig, check_sampler

LAST_TEMPERATURE = 0.01  # upstream's end of the line when only its start is given
# what `Amused.generate` does where it is told nothing; None is the checkpoint's own
DEFAULTS = {
    "num_steps": 12,
    "guidance_scale": None,
    "choice_temperature": (2.0, 0.0),
    "sampling_temperature": 1.0,
    "schedule": None,
}


def sampler_config(
    sampler: Any,
    arguments: Mapping[str, Any],
    own_guidance_scale: float,
    own_schedule: str,
    follows_upstream: bool,
) -> SamplerConfig:
    """The settings that the arguments spell out; raises UserError for impossible ones.

    sampler: a name, or a SamplerConfig that says everything; then no argument may differ from its
        default, as there would be two answers.
    arguments: those of DEFAULTS; choice_temperature is of the first and the last step, and a single
        number ends at 0.01.
    own_guidance_scale, own_schedule: the checkpoint's, for None.
    follows_upstream: guidance up to 1 is off, where our law mixes below 1 (see guidance.py).
    """
    if isinstance(sampler, SamplerConfig):
        for name, value in arguments.items():
            if value != DEFAULTS[name]:
                raise UserError(
                    f"{name}={shown(value)} and a SamplerConfig are both given; say it in one place"
                )
        config = replace(sampler)
    else:
        config = _spelt_out(sampler, arguments)
    if config.guidance_scale is None:
        config.guidance_scale = own_guidance_scale
    if config.schedule is None:
        config.schedule = own_schedule
    check_sampler(config)
    is_off = follows_upstream and config.guidance_scale < 1
    return replace(config, guidance_scale=1.0) if is_off else config


def _spelt_out(name: Any, arguments: Mapping[str, Any]) -> SamplerConfig:
    given = dict(arguments)
    ends = given.pop("choice_temperature")
    if not isinstance(ends, Sequence):
        ends = (ends, LAST_TEMPERATURE)
    if len(ends) != 2:
        raise UserError(
            f"choice_temperature={ends!r} is impossible; give the first step's and the last "
            "step's, as in (2.0, 0.0)."
        )
    given |= {"choice_temperature_start": ends[0], "choice_temperature_end": ends[1], "name": name}
    config = SamplerConfig()
    for key, value in given.items():
        setattr(config, key, value)  # of any type: the check tells, not the constructor
    return config
