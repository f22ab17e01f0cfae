"""Settings of the health monitor: how often it looks, and from when on it judges.

Imports no torch, so that composing a configuration stays quick.
"""

import math
from dataclasses import dataclass

from src.errors import UserError
from src.limits import whole

PREFIX = "health/"  # of the monitor's numbers in a log


@dataclass
class HealthConfig:
    """The defaults suit runs of thousands of steps; a toy run needs a shorter grace."""

    num_buckets: int = 5  # equal ranges of the mask ratio; 5 = 0-20-40-60-80-100 %
    window_logs: int = 5  # numbers are told, and judged, each so many training.log_every
    probe_every: int = 100  # steps between two looks at whether the prompts are heard
    grace_steps: int = 2_000  # before that, what has to be learned is not judged
    false_alarm_prob: float = 1e-4  # of one warning over a whole healthy run, however long
    min_gain: float = 0.02  # share of the unigram entropy that a model has to save, or learns none
    min_prompt_gain: float = 0.001  # share of the loss that the right prompt has to save
    near_zero: float = 0.01  # share of the unigram entropy; less, nearly all hidden, is suspicious


def check_health(config: HealthConfig) -> None:
    """Refuse settings that no monitor can follow; raises UserError."""
    whole("training.health.num_buckets", config.num_buckets, 1, 100)
    for name in ("window_logs", "probe_every"):
        whole(f"training.health.{name}", getattr(config, name), 1, 10**6)
    whole("training.health.grace_steps", config.grace_steps, 0, 10**9)
    for name in ("false_alarm_prob", "min_gain", "min_prompt_gain", "near_zero"):
        value = getattr(config, name)
        if not (math.isfinite(value) and 0 < value < 1):
            raise UserError(
                f"training.health.{name}={value} is impossible; give a number between 0 and 1, "
                f"such as {getattr(HealthConfig(), name)}."
            )
