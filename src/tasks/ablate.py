"""One cell of an ablation: the test prompts drawn under one setting, and measured.

The cells of a sweep are keyed by all that their numbers depend on. A cell that is there is never
drawn again, whoever asks for it; src/tasks/sweep.py holds a sweep together.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock
from PIL.Image import Image

from src.config import RunConfig, settings_read
from src.data.scenes import World
from src.errors import UserError
from src.evaluation.cell import Asked, Drawn, ask_prompts, ask_world, measure_cell
from src.evaluation.known_words import check_words
from src.evaluation.suite import check_counts, open_clip
from src.experiments import RECORDS
from src.report.cells import FOLDER, Identity, current_cell, write_cell
from src.report.record import identity_of
from src.sampler.step import Step
from src.task_settings import OPENING
from src.tasks.drawing import generate_pictures, short_hash
from src.tasks.inputs import open_model, read_prompts
from src.tasks.outcome import Outcome, record_of
from src.whole_files import told_in_a_sentence

TASK = "ablate"
# whom to tell of model passes done: the sweep, where it runs its cells in its own process
_KEPT: dict[str, tuple[Any, Any]] = {}  # what was opened last, by what it is
TOLD: ContextVar[Callable[[int], None]] = ContextVar("told", default=lambda num_passes: None)


class Bench(NamedTuple):
    """What a cell is drawn and judged with; cells of equal settings share it."""

    model: Any  # an Amused
    clip: Any  # a ClipEncoder
    asked: Asked
    weights: dict[str, str]


def run(config: RunConfig, folder: Path) -> None:
    """Draw and measure the cell of this configuration, unless that has been done."""
    bench = open_bench(config)
    identity = identify(config, bench)
    home = home_of(config)
    with alone_at(identity.key, home):
        if current_cell(identity, home, defaults()) is not None:
            return
        started = time.perf_counter()
        drawn = draw(config, bench)
        measurements, columns = measure_cell(bench.asked, drawn, bench.clip, config.evaluation)
        outcome = Outcome(
            measurements=measurements,
            figures={},
            weights=identity.weights,
            seeds=seeds_of(config),
            device=str(bench.model.device),
            data_hash=identity.data_hash,
        )
        write_cell(record_of(outcome, config, time.perf_counter() - started), columns, home)


def open_bench(config: RunConfig) -> Bench:
    """The model, the judges and the prompts; opened once for all cells of this process."""
    opened = [getattr(config, key) for key in OPENING]
    model, model_hash = _kept("model", opened, lambda: _opened(config))
    judging = asdict(config.evaluation), str(model.device)
    clip = _kept("clip", judging, lambda: open_clip(config.evaluation, str(model.device)))
    asking = asdict(config.data), asdict(config.evaluation), config.prompts_file
    asked = _kept("asked", asking, lambda: _asked(config))
    size = asked.reference.shape[1] if asked.reference is not None else model.height
    if (model.height, model.width) != (size, size):
        raise UserError(
            f"model={config.model} draws {model.width}x{model.height} pixels, and the test prompts "
            f"are about scenes of {size}: give the data it was trained on, or for a model of any "
            "prompts +on=amused_256, beside which model= may still be another one."
        )
    if asked.reference is not None:
        check_counts(config.evaluation, clip)
    if config.prompts_file is not None:
        check_words(clip, asked.captions)
    weights = {"model": model_hash, clip.name: clip.weights_hash}
    return Bench(model, clip, asked, weights)


def identify(config: RunConfig, bench: Bench) -> Identity:
    """All that the cell's numbers depend on, and the key made of it."""
    settings = settings_read(config, TASK)
    data_hash = bench.asked.hash
    key = identity_of(settings, defaults(), bench.weights, data_hash)
    return Identity(key, settings, bench.weights, data_hash)


def defaults() -> dict[str, Any]:
    return settings_read(RunConfig(), TASK)


def home_of(config: RunConfig) -> Path:
    """Where the cells of an ablation lie, whenever and however its command is given."""
    if config.output_dir is not None:
        return Path(config.output_dir)
    return RECORDS / config.name / "sweeps"


def passes_expected(config: RunConfig) -> int:
    """Of the model, for one picture."""
    scales = config.sampler.guidance_scales or [config.sampler.guidance_scale]
    guided = sum(scale != 1 for scale in scales) / len(scales)
    return round(config.sampler.num_steps * (1 + guided))


def seeds_of(config: RunConfig) -> dict[str, int]:
    settings = config.evaluation
    return {
        "prompts": settings.prompt_seed,
        "reference": settings.reference_seed,
        "first picture": settings.first_picture_seed,
    }


def draw(config: RunConfig, bench: Bench) -> Drawn:
    """One picture a prompt, as many at once as one pass holds, each with its cost.

    Seconds are of the processor's time, which other work on the machine hardly changes, and on a
    GPU, which works while the processor waits, those of the clock.
    """
    model, asked, told = bench.model, bench.asked, TOLD.get()
    clock = time.process_time if model.device.type == "cpu" else time.perf_counter
    each = model.pictures_per_pass
    generate_pictures(model, config, asked.captions[:1], asked.seeds[:1])  # the first one is slow
    pictures, passes, seconds = [], [], []
    for start in range(0, len(asked.captions), each):
        captions, seeds = asked.captions[start : start + each], asked.seeds[start : start + each]
        started = clock()
        drawn, taken = drawn_together(model, config, captions, seeds)
        took = clock() - started
        pictures += drawn
        passes += taken
        seconds += [took / len(captions)] * len(captions)
        told(len(captions) * passes_expected(config))
    return Drawn(pictures, passes, seconds)


def drawn_together(
    model, config: RunConfig, captions: list[str], seeds: list[int]
) -> tuple[list[Image], list[float]]:
    """Pictures that go through the model in one pass, and how many passes each of them took.

    They are counted from the steps as these are done: who watches the transformer itself gets
    every pass whole, and the time would be that of a way that no user goes.
    """
    counts = []  # of every step, one a picture

    def note(num_done: int, num_steps: int, step: Step) -> None:
        counts.append(step.num_passes)

    images = generate_pictures(model, config, captions, seeds, progress=note).images
    return images, sum(counts)[: len(captions)].double().tolist()  # without those that fill up


@contextmanager
def alone_at(key: str, home: Path) -> Iterator[None]:
    """Wait until nobody else works at this cell, as a process whose sweep was killed may."""
    folder = home / FOLDER
    with told_in_a_sentence(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{key}.lock"):
        yield


def _opened(config: RunConfig) -> tuple:
    model = open_model(config)
    return model, short_hash(model)


def _kept(what: str, key: Any, make: Callable[[], Any]) -> Any:
    """What was made for the last cell, where this one needs an equal one."""
    if _KEPT.get(what, (None, None))[0] != key:
        _KEPT[what] = key, make()
    return _KEPT[what][1]


def _asked(config: RunConfig) -> Asked:
    if config.prompts_file is not None:
        return ask_prompts(read_prompts(config), config.evaluation)
    return ask_world(World(config.data), config.evaluation)
