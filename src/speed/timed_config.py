"""What tasks that time the model can measure: the rest is refused, not left out silently."""

from dataclasses import replace
from typing import Any

from src.errors import UserError
from src.sampler.config import SamplerConfig
from src.speed.config import SpeedConfig

FULL_SIZE = ("report_latency", "bench_generate", "bench_decode", "bench_scaling", "profile")
WITH_FLOOR = ("bench_generate", "bench_scaling", "profile")
LIKE_UPSTREAM = ("report_latency", "bench_generate")  # number by number, as a peer draws


def check_timed(config: Any, random_models: tuple[str, ...]) -> None:
    """Refuse settings without effect on a timing; raises UserError.

    config: the run's (src.config). random_models: those that are timed on random weights.
    """
    task = config.task
    if task in FULL_SIZE and config.model in random_models:
        for key in ("variant", "adapter"):
            if getattr(config, key) is not None:
                raise UserError(
                    f"{key}={getattr(config, key)} has no effect: {task} times {config.model} on "
                    "random weights; leave it out, or give model= a folder."
                )
    if task in LIKE_UPSTREAM:
        _check_is_upstreams(config.sampler, task)
    if task in WITH_FLOOR:
        _check_is_counted(config.sampler, task)
    if task == "bench_decode":
        _check_decodes(config.speed, config.dtype)


def _check_is_upstreams(sampler: SamplerConfig, task: str) -> None:
    own = {"num_steps": sampler.num_steps, "guidance_scale": sampler.guidance_scale}
    plain = replace(SamplerConfig(schedule=None), **own)
    differing = [key for key in vars(plain) if getattr(plain, key) != getattr(sampler, key)]
    if differing:
        raise UserError(
            f"sampler.{differing[0]} has no effect: {task} draws as a peer does, who knows "
            "num_steps and guidance_scale alone; leave it out."
        )


def _check_is_counted(sampler: SamplerConfig, task: str) -> None:
    """How much there is to compute has to follow from the settings."""
    depends = {
        "stop_entropy": sampler.stop_entropy is not None,
        "full_step_every": sampler.full_step_every > 1,
        "corrector": sampler.corrector.num_positions > 0,
        "name": sampler.name == "entropy_bounded",
        "then": sampler.then == "entropy_bounded",
    }
    for key, is_given in depends.items():
        if is_given:
            raise UserError(
                f"sampler.{key} has no place in {task}: the least possible time beside which it "
                "measures is counted for whole steps, as many as num_steps; leave it out."
            )


def _check_decodes(speed: SpeedConfig, dtype: str) -> None:
    if dtype != "float32":
        raise UserError(
            f"dtype={dtype} has no effect: bench_decode decodes in float32, as float16 overflows; "
            "give speed.decoder=bfloat16 for rounded products."
        )
    for key, usual in (("is_compiled", False), ("weights", "full"), ("is_offloaded", False)):
        if getattr(speed, key) != usual:
            raise UserError(
                f"speed.{key}={str(getattr(speed, key)).lower()} has no place in bench_decode, "
                "which times the decoder as it decodes by itself; leave it out."
            )
