"""How the cost of a picture grows: with pictures at once, steps, pixels and the U-ViT's width."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from src.config import RunConfig
from src.evaluation.floor import ABOVE
from src.evaluation.measurement import Measurement
from src.evaluation.process_memory import peak_of
from src.evaluation.scaling import Growth, in_words, slope
from src.evaluation.timing import in_turns, median, ratio
from src.sampler.config import SamplerConfig
from src.tasks.drawing import drawn_with, short_hash
from src.tasks.outcome import Outcome, deliver, targets
from src.tasks.reduced_model import reduced
from src.tasks.report_latency import open_timed, short_prompt_of

WIDTH, LAYERS = 256, 4  # of the reduced U-ViT, where sides or widths are varied
NUM_STEPS = 4  # of the reduced ones
PICTURES, STEPS, SIDES, WIDTHS = "pictures at once", "steps", "pixels", "width of the U-ViT"


class Ranges(NamedTuple):
    """What is varied, and over which values."""

    pictures: tuple[int, ...] = (1, 2, 4, 16, 64)
    steps: tuple[int, ...] = (1, 3, 6, 12, 25, 50)
    sides: tuple[int, ...] = (256, 512, 1024)  # pixels; the factor is their square
    widths: tuple[int, ...] = (256, 512, 1024)
    compared: tuple[int, int] = (16, 1)  # pictures at once, whose time a picture is compared


class _Case(NamedTuple):
    """One value of a factor: what to draw."""

    model: object
    sampler: SamplerConfig
    num_pictures: int = 1
    side: int | None = None  # pixels; None = the model's own


def run(config: RunConfig, folder: Path) -> None:
    """Time every factor by itself; table, words, figure and record."""
    from src.report.scaling_figure import scaling_figure

    started = time.perf_counter()
    targets(config, folder)  # one that cannot be written to is refused before the work
    model, about = open_timed(config)
    measured, growths = measure(config, model, about, Ranges())
    words = [in_words(slope(each)) for each in growths]
    outcome = Outcome(
        measurements=measured,
        figures={"scaling.png": scaling_figure(growths, [slope(each) for each in growths])},
        weights={"model": short_hash(model)},
        seeds={"weights and first picture": config.seed},
        device=str(model.device),
    )
    Console(highlight=False).print("\n".join(f"  {each}" for each in words), soft_wrap=True)
    deliver(outcome, config, folder, time.perf_counter() - started)


def measure(
    config: RunConfig, model, about: str, ranges: Ranges, is_small: bool = False
) -> tuple[list[Measurement], list[Growth]]:
    """Rows and the growths that they are of. is_small: the machine roughly, for tests."""
    from src.speed.machine import measured_machine

    machine = measured_machine(str(model.device), model.dtype, is_small)
    growths = [
        _grown(config, factor, cases, held, machine)
        for factor, cases, held in _factors(config, model, about, ranges)
    ]
    measured = []
    for each in growths:
        measured += [slope(each), *_rows(each, machine.text)]
    memory = {side: peak_of(draw_once, side, config.seed) for side in ranges.sides}
    for side, peak in memory.items():
        measured.append(
            Measurement(
                "peak memory of a process, MB",
                peak / 1e6,
                1,
                subject=f"{SIDES}, {side} x {side}",
                is_higher_better=False,
                note="the reduced model, one step; torch included",
            )
        )
    many, one = (growths[0].seconds[size] / size for size in ranges.compared)
    name = f"seconds a picture, {ranges.compared[0]} at once / {ranges.compared[1]}"
    return [ratio(name, many, one, PICTURES, growths[0].about), *measured], growths


def _factors(config: RunConfig, model, about: str, ranges: Ranges) -> list[tuple]:
    """Each factor with its cases, and in words what is held."""
    own = drawn_with(config.sampler, model)
    few = replace(own, num_steps=NUM_STEPS)
    wide = {width: reduced(width, LAYERS, config.seed) for width in ranges.widths}
    small = wide.get(WIDTH) or reduced(WIDTH, LAYERS, config.seed)
    for each in (small, *wide.values()):
        each.to(model.device)
    guided = f"guidance {own.guidance_scale:g}"
    here = f"{config.model}, {about}, {model.height} pixels, {guided}"
    shape = f"{LAYERS} layers, {NUM_STEPS} steps, {guided}, random weights"
    return [
        (
            PICTURES,
            {size: _Case(model, own, size) for size in ranges.pictures},
            f"{here}, {own.num_steps} steps, {config.latency.pictures_per_pass} a pass",
        ),
        (
            STEPS,
            {number: _Case(model, replace(own, num_steps=number)) for number in ranges.steps},
            f"{here}, one picture",
        ),
        (
            SIDES,
            {side**2: _Case(small, few, side=side) for side in ranges.sides},
            f"{WIDTH} wide, {shape}",
        ),
        (WIDTHS, {width: _Case(each, few) for width, each in wide.items()}, f"256 pixels, {shape}"),
    ]


def _grown(
    config: RunConfig, factor: str, cases: Mapping[int, _Case], held: str, machine
) -> Growth:
    from src.speed.generation_work import generation_work
    from src.speed.work import floor_of

    works = {str(value): _drawer(config, case) for value, case in cases.items()}
    seconds = in_turns(works, config.latency.num_rounds)
    floors = {}
    for value, (model, sampler, num_pictures, side) in cases.items():
        tokens = (side or model.height) // model.image_tokenizer.downscale
        least = generation_work(model, sampler, (tokens, tokens), num_pictures, 1)
        floors[value] = sum(floor_of(least, machine).values())
    return Growth(factor, {value: seconds[str(value)] for value in cases}, floors, held)


def _drawer(config: RunConfig, case: _Case) -> Callable[[], object]:
    """Draw so many pictures of one prompt, a new one each time."""
    model, sampler, num_pictures, side = case
    asked = iter(range(10**9))

    def draw() -> None:
        number = next(asked)
        model.pictures_per_pass = config.latency.pictures_per_pass
        seeds = [config.seed + number * num_pictures + index for index in range(num_pictures)]
        model.generate(
            short_prompt_of(number),
            seeds=seeds,
            num_images_per_prompt=num_pictures,
            sampler=sampler,
            height=side,
            width=side,
            record=False,
        )

    return draw


def _rows(growth: Growth, machine: str) -> list[Measurement]:
    """Seconds of every value, and how many times the floor they are."""
    rows = []
    for value, seconds in growth.seconds.items():
        floor, subject = growth.floors[value], f"{growth.factor}, {value}"
        note = f"floor {floor:.3g} s; {machine}; {growth.about}"
        rows += [
            median("seconds", seconds, subject, note),
            median(ABOVE, seconds / floor, subject),
        ]
    return rows


def draw_once(side: int, seed: int) -> None:
    """One picture of the reduced model, in one step; for a process whose memory is watched."""
    from src.memory import keep_freed_memory

    keep_freed_memory()
    model = reduced(WIDTH, LAYERS, seed)
    model.generate("a tram", seeds=seed, num_steps=1, height=side, width=side, record=False)
