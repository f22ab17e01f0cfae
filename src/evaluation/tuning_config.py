"""Settings of a search for a better sampler: how long, on what, and what it has to beat."""

from dataclasses import dataclass

from src.errors import UserError
from src.limits import check_seed, whole
from src.sampler.config import LISTS, SamplerConfig

SEARCHED = (*LISTS, "path")


@dataclass
class TuningConfig:
    """What `autotune` follows; `sampler` gives the number of steps and what is not searched."""

    num_trials: int = 200  # of the search, and as many of the random one beside it
    num_knots: int = 3  # numbers for each curve over the steps; num_steps = each step by itself
    num_prompts: int = 64  # of a trial; of a world of scenes, half with one object, half with two
    num_finalists: int = 8  # best trials of each search, drawn again with ...
    finalist_prompts: int = 256  # ... so many other prompts, before one of them is chosen
    prompts_file: str | None = None  # for trials, where `prompts_file` gives the final prompts
    baseline_steps: int = 12  # of the sampler to beat: the same settings, untuned
    prompt_seed: int = 50_000  # which training prompts
    first_picture_seed: int = 1_000_000
    pictures_per_pass: int = 16  # through the model at once; another number, other last bits


def check_tuning(tuning: TuningConfig, sampler: SamplerConfig, prompts_file: str | None) -> None:
    """Refuse a search that cannot be made; raises UserError."""
    num_steps = sampler.num_steps
    whole("tuning.num_trials", tuning.num_trials, 1, 10**6)
    whole("tuning.num_prompts", tuning.num_prompts, 2, 10**6)
    whole("tuning.finalist_prompts", tuning.finalist_prompts, 2, 10**6)
    whole("tuning.num_finalists", tuning.num_finalists, 1, tuning.num_trials)
    whole("tuning.baseline_steps", tuning.baseline_steps, 1, 10_000)
    whole("tuning.pictures_per_pass", tuning.pictures_per_pass, 1, 1024)
    for key in ("prompt_seed", "first_picture_seed"):
        check_seed(f"tuning.{key}", getattr(tuning, key))
    if not 1 <= tuning.num_knots <= num_steps:
        raise UserError(
            f"tuning.num_knots={tuning.num_knots} is impossible for sampler.num_steps={num_steps}; "
            f"give a whole number from 1 to {num_steps}."
        )
    for key in SEARCHED:
        if getattr(sampler, key) is not None:
            raise UserError(f"sampler.{key} has no effect: it is what autotune searches.")
    if "entropy_bounded" in (sampler.name, sampler.then):
        raise UserError(
            "sampler entropy_bounded finds its own number of tokens a step; "
            "calibrate_entropy_bound tunes it, autotune tunes the others."
        )
    if "remask" in (sampler.name, sampler.then) and sampler.remask.strategy == "loop":
        raise UserError(
            "sampler.remask.strategy=loop stops the schedule's clock, and autotune searches the "
            "schedule: give another strategy."
        )
    if (tuning.prompts_file is None) != (prompts_file is None):
        raise UserError(
            "tuning.prompts_file and prompts_file go together: the one is searched on, the other "
            "is what the outcome is judged by, and they share no prompt."
        )
