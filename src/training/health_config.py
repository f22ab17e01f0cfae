"""Settings of the health monitor: how often it looks, and from when on it judges.

Imports no torch, so that composing a configuration stays quick.
"""

import math
from dataclasses import dataclass

from src.errors import UserError


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
    for name in ("num_buckets", "window_logs", "probe_every"):
        value = getattr(config, name)
        if value < 1:
            raise UserError(f"health.{name}={value} is impossible; give a whole number from 1 on.")
    if config.grace_steps < 0:
        raise UserError(f"health.grace_steps={config.grace_steps} is negative; give 0 or more.")
    for name in ("false_alarm_prob", "min_gain", "min_prompt_gain", "near_zero"):
        value = getattr(config, name)
        if not (math.isfinite(value) and 0 < value < 1):
            raise UserError(
                f"health.{name}={value} is impossible; give a number between 0 and 1, such as "
                f"{getattr(HealthConfig(), name)}."
            )
