"""What it costs to record a generation: the same picture with and without its trace, in turns."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from src.config import PUBLISHED_MODELS, RunConfig
from src.evaluation.measurement import Measurement
from src.evaluation.timing import in_turns, ratio
from src.tasks.drawing import drawn_with, short_hash
from src.tasks.outcome import Outcome, deliver, targets
from src.tasks.report_latency import open_timed

MODELS = ("embedded", "amused_256")
PROMPT = "a small green heart on a white background"
STEPS_OF_LARGE = 4  # a step costs the same share in every number of steps
NUM_ROUNDS = 7
PICTURES_OF_SMALL = 4  # a turn, so that one lasts about a second


def run(config: RunConfig, folder: Path) -> None:
    """Time generations with the whole trace (5 likeliest codes) against none; table and record."""
    started = time.perf_counter()
    targets(config, folder)  # one that cannot be written to is refused before the work
    measured: list[Measurement] = []
    weights: dict[str, str] = {}
    for name in MODELS:
        model, about = open_timed(replace(config, model=name))
        weights[name] = short_hash(model)
        measured.append(measure(config, model, name, about))
    outcome = Outcome(
        measurements=measured,
        figures={},
        weights=weights,
        seeds={"weights and first picture": config.seed},
        device=str(model.device),
    )
    deliver(outcome, config, folder, time.perf_counter() - started)


def measure(
    config: RunConfig, model, name: str, about: str, num_rounds: int = NUM_ROUNDS
) -> Measurement:
    """Seconds with the trace over seconds without it, round by round."""
    is_large = name in PUBLISHED_MODELS
    sampler = drawn_with(config.sampler, model)
    if is_large:
        sampler = replace(sampler, num_steps=STEPS_OF_LARGE)
    seeds = [config.seed + index for index in range(1 if is_large else PICTURES_OF_SMALL)]

    def draw(record: bool) -> Callable[[], None]:
        return lambda: model.generate(
            [PROMPT] * len(seeds), seeds=seeds, sampler=sampler, record=record
        )

    seconds = in_turns({"recorded": draw(True), "plain": draw(False)}, num_rounds)
    plain = np.median(seconds["plain"]) / len(seeds)
    return ratio(
        "recorded / not recorded",
        seconds["recorded"],
        seconds["plain"],
        f"{name}, {sampler.num_steps} steps",
        f"{about}; {plain:.2f} s a picture unrecorded; guidance {sampler.guidance_scale:g}",
    )
