"""Where the time of one generation goes: by part, by kind of operation, beside the floor."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from src.config import RunConfig
from src.evaluation.floor import FLOOR, beside_floor
from src.evaluation.measurement import Measurement
from src.evaluation.time_shares import PARTS, Share, time_shares
from src.evaluation.timing import in_turns, median
from src.part_names import DECODER, TEXT, UVIT
from src.tasks.drawing import drawn_with, short_hash
from src.tasks.outcome import Outcome, deliver, targets
from src.tasks.report_latency import each_round, open_timed, short_prompt_of


def run(config: RunConfig, folder: Path) -> None:
    """Time generations plainly, then profile one; table, figure and record."""
    from src.report.profile_figure import profile_figure

    started = time.perf_counter()
    targets(config, folder)  # one that cannot be written to is refused before the work
    model, about = open_timed(config)
    measured, shares, floors = measure(config, model, about)
    sampler = drawn_with(config.sampler, model)
    title = f"One generation of {config.model}, {sampler.num_steps} steps, {model.device}"
    outcome = Outcome(
        measurements=measured,
        figures={"profile.png": profile_figure(shares, floors, title)},
        weights={"model": short_hash(model)},
        seeds={"weights and first picture": config.seed},
        device=str(model.device),
    )
    deliver(outcome, config, folder, time.perf_counter() - started)


def measure(
    config: RunConfig, model, about: str, is_small: bool = False
) -> tuple[list[Measurement], list[Share], dict[str, float]]:
    """Rows; the shares, which add up to one generation; the floor's seconds by part.

    is_small: the machine's rates roughly, for tests.
    """
    from src.speed.generation_work import DECODER as DECODING
    from src.speed.generation_work import TEXT as ENCODING
    from src.speed.generation_work import generation_work
    from src.speed.machine import measured_machine
    from src.speed.work import floor_of

    sampler = drawn_with(config.sampler, model)

    def draw(prompt: str, seed: int) -> None:
        model.generate(prompt, seeds=seed, sampler=sampler, record=False)

    draw_next = each_round(draw, config.seed, short_prompt_of)
    seconds = in_turns({"plain": draw_next}, config.latency.num_rounds)["plain"]
    shares = time_shares(draw_next)
    machine = measured_machine(str(model.device), model.dtype, is_small)
    grid = (model.transformer.config.sample_size,) * 2
    least = generation_work(model, sampler, grid, 1, 1)
    by_kind = floor_of(least, machine)
    floors = {TEXT: by_kind.pop(ENCODING), DECODER: by_kind.pop(DECODING)}
    floors[UVIT] = sum(by_kind.values())
    note = f"{about}, {config.dtype}, {sampler.num_steps} steps, {model.height} pixels"
    whole = median("seconds", seconds, "whole", f"{note}; samples are rounds")
    rows = [*beside_floor(whole, least, machine), *_rows(shares, floors, seconds)]
    return rows, shares, floors


def _rows(
    shares: Sequence[Share], floors: dict[str, float], seconds: np.ndarray
) -> list[Measurement]:
    """Of the profiled generation: the share of every part and every kind in it."""
    total = sum(each.seconds for each in shares)
    slower = f"of {total:.3g} s under the profiler, {np.median(seconds):.3g} s without it"
    rows = []
    for part in PARTS:
        own = [each for each in shares if each.part == part]
        rows.append(_share(part, sum(each.seconds for each in own) / total, slower))
        if part in floors:
            rows.append(
                Measurement(FLOOR, 1000 * floors[part], 1, subject=part, is_higher_better=False)
            )
        rows += [_share(f"{part}: {each.kind}", each.seconds / total) for each in own]
    return rows


def _share(subject: str, value: float, note: str = "") -> Measurement:
    return Measurement("share of the time", value, 1, subject=subject, is_share=True, note=note)
