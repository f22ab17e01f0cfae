"""Settings of what is asked about real scenes with hidden tokens.

Imports no torch, so that composing a configuration stays quick.
"""

from dataclasses import dataclass, field

from src.errors import UserError
from src.limits import between, whole

LARGEST_GUIDANCE = 1000
TELLING = "inspect_micro_cond"  # the one task that reads num_swept and num_traced


@dataclass
class InspectionConfig:
    """How many scenes are looked at, how much of them is hidden, and what is tried."""

    num_pictures: int = 300
    mask_ratio: float = 0.5  # above 0 to 1: share of the tokens hidden, where one is enough
    mask_ratios: list[float] = field(default_factory=lambda: [0.1, 0.25, 0.5, 0.75, 1.0])
    guidance_scales: list[float] = field(default_factory=lambda: [0.0, 1.0, 1.5, 2.0, 4.0, 8.0])
    num_bins: int = 15  # of a reliability diagram
    num_hidings: int = 4  # times that a picture a temperature is fitted on is hidden anew
    # trained on as others' micro-conditions, to compare with; a folder in the published layout
    shuffled_model: str = "experiments/glyphs_shuffled_micro_cond/model"
    num_shuffles: int = 4  # strangers whose micro-conditions a picture is told of
    num_swept: int = 100  # pictures told other values one by one
    num_traced: int = 60  # pictures whose gradients are followed
    path_steps: int = 64  # points on the way from the baseline


def check_inspection(inspection: InspectionConfig, task: str = TELLING) -> None:
    """Refuse what could not be looked at by a task; raises UserError."""
    num_pictures = inspection.num_pictures
    whole("inspection.num_pictures", num_pictures, 4, 100_000)
    for key in ("num_swept", "num_traced") if task == TELLING else ():
        if not 2 <= (count := getattr(inspection, key)) <= num_pictures:
            raise UserError(
                f"inspection.{key}={count} is impossible; give a whole number from 2 to "
                f"inspection.num_pictures={num_pictures}."
            )
    whole("inspection.num_bins", inspection.num_bins, 1, 1000)
    whole("inspection.num_hidings", inspection.num_hidings, 1, 100)
    whole("inspection.num_shuffles", inspection.num_shuffles, 1, 1000)
    whole("inspection.path_steps", inspection.path_steps, 1, 10_000)
    _check_share("inspection.mask_ratio", inspection.mask_ratio)
    for key in ("mask_ratios", "guidance_scales"):
        values = getattr(inspection, key)
        if not values or len(set(values)) < len(values):
            raise UserError(
                f"inspection.{key}={values} is impossible; give at least one number, each once."
            )
    for place, ratio in enumerate(inspection.mask_ratios):
        _check_share(f"inspection.mask_ratios[{place}]", ratio)
    for place, scale in enumerate(inspection.guidance_scales):
        between(f"inspection.guidance_scales[{place}]", scale, 0, LARGEST_GUIDANCE)


def _check_share(key: str, share: float) -> None:
    if not 0 < share <= 1:
        raise UserError(f"{key}={share} is impossible; give a share above 0 and up to 1.")
