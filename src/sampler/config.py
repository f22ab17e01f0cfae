"""Settings of the decoding: how many steps, how much guidance, and which randomness.

Imports no torch, so that composing a configuration stays quick.
"""

from dataclasses import dataclass

from src.errors import UserError, nearest, shown
from src.masking.config import check_schedule

KNOWN_SAMPLERS = ("confidence",)  # the keys of sampler/registry.py
MOST_STEPS = 10_000  # beyond all use; the trace keeps every one
AMUSED_GUIDANCE = 10.0  # of a checkpoint that names none, as the published ones
LARGEST_SIDE = 2**14  # pixels of a picture; memory allows less before long
LARGEST = 1e6  # of a scale or temperature: beyond all use, and far from any overflow


@dataclass
class SamplerConfig:
    """What a sampler follows; the defaults are aMUSEd's."""

    name: str = "confidence"  # one of KNOWN_SAMPLERS
    num_steps: int = 12  # model passes, from 1
    # from 0: 0 = without the prompt, 1 = guidance off; a run's None is the checkpoint's own
    guidance_scale: float | None = AMUSED_GUIDANCE
    choice_temperature_start: float = 2.0  # times Gumbel noise on which position is kept ...
    choice_temperature_end: float = 0.0  # ... in the last step; linear in between
    sampling_temperature: float = 1.0  # divides the logits that codes are drawn from; 0 = best code
    schedule: str | None = "cosine"  # one of masking's; a run's None is the checkpoint's own


def check_sampler(config: SamplerConfig, stage: str = "") -> None:
    """Refuse settings that no sampler can follow; raises UserError.

    stage: what stands before their names where they are keys of a run, "sampler."
    """
    if config.name not in KNOWN_SAMPLERS:
        raise UserError(
            f"sampler {shown(config.name)} is unknown; {nearest(str(config.name), KNOWN_SAMPLERS)}"
        )
    if config.schedule is not None:
        check_schedule(config.schedule)
    steps = config.num_steps
    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= MOST_STEPS:
        raise UserError(
            f"{stage}num_steps={shown(steps)} is impossible; give a whole number from 1 to "
            f"{MOST_STEPS:,}."
        )
    for name in (
        "guidance_scale",
        "choice_temperature_start",
        "choice_temperature_end",
        "sampling_temperature",
    ):
        value = getattr(config, name)
        if value is None and name == "guidance_scale":
            continue
        if not _is_number(value) or not 0 <= value <= LARGEST:  # NaN is neither
            raise UserError(
                f"{stage}{name}={shown(value)} is impossible; give a number from 0 to "
                f"{LARGEST:,.0f}."
            )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
