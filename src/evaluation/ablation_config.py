"""Settings of an ablation: what its cells are compared by, and with which of them."""

from dataclasses import dataclass, field

from src.errors import UserError
from src.limits import one_of, whole

MEASURES = ("right", "clip_score")  # columns of a cell's pictures


@dataclass
class AblationConfig:
    """How finished cells are compared; none of it changes a cell."""

    measure: str | None = None  # one of MEASURES; None = right where an oracle reads the pictures
    # which cell the others are compared with, as ["sampler.num_steps=12"]; empty = the one with
    # the experiment's own settings, or the first
    baseline: list[str] = field(default_factory=list)
    retries: int = 1  # how often a sweep tries again what failed, as after a lost machine


def check_ablation(ablation: AblationConfig, prompts_file: str | None) -> None:
    """Refuse what no comparison could be; raises UserError."""
    if ablation.measure is not None:
        one_of("ablation.measure", ablation.measure, MEASURES)
    if ablation.measure == "right" and prompts_file is not None:
        raise UserError(
            f"ablation.measure=right: no oracle can tell whether a picture of prompts_file="
            f"{prompts_file} is right; give clip_score, or leave it out."
        )
    for place, text in enumerate(ablation.baseline):
        if "=" not in text:
            raise UserError(
                f"ablation.baseline[{place}]={text!r} names no value; give key=value, as "
                "sampler.num_steps=12."
            )
    whole("ablation.retries", ablation.retries, 0, 100)


def check_runs(runs: list[str]) -> None:
    """Refuse anything but two different runs; raises UserError."""
    if len(runs) != 2 or not all(each.strip() for each in runs):
        raise UserError(
            f"runs has {len(runs)} entries; two finished runs are compared: runs=[A,B]."
        )
    if runs[0] == runs[1]:
        raise UserError(f"runs={runs} names one run twice; give two.")
