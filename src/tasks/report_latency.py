"""How long one picture takes: ours and diffusers' in turns, on the same weights and prompts.

model=amused_256 and amused_512 are full-size models on perturbed random weights: the time does not
depend on what weights say. A folder or a hub id is the checkpoint that it names.
"""

import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from src.config import EMBEDDED, PUBLISHED_MODELS, RunConfig
from src.evaluation.measurement import Measurement
from src.evaluation.timing import in_turns, median, ratio
from src.experiments import RECORDS
from src.memory import keep_freed_memory
from src.report.kept_records import keep_beside
from src.tasks.drawing import drawn_with, short_hash
from src.tasks.inputs import choose_device, open_model, sped_up
from src.tasks.latency_peer import SCRIPT, Peer, peer
from src.tasks.outcome import Outcome, deliver, record_of, targets

THINGS = ("lighthouse", "bowl of apples", "tram", "fox", "wooden chair", "mountain lake", "kite")
PLACES = ("at dawn", "in the snow", "on a beach", "under a tree", "in an old town")
RANDOM_WEIGHTS = "random weights"


def run(config: RunConfig, folder: Path) -> None:
    """Measure in rounds, a new prompt each; table and record."""
    started = time.perf_counter()
    targets(config, folder)  # one that cannot be written to is refused before the work
    model, weights = open_timed(config)
    with TemporaryDirectory() as place:
        measured = measure(config, model, weights, Path(place), SCRIPT)
    outcome = Outcome(
        measurements=measured,
        figures={},
        weights={"model": short_hash(model)},
        seeds={"weights and first picture": config.seed},
        device=str(model.device),
    )
    seconds = time.perf_counter() - started
    if config.save_record:
        keep_beside(RECORDS / config.name, record_of(outcome, config, seconds))
    deliver(outcome, config, folder, seconds)


def open_timed(config: RunConfig):
    """The model, and in words what its weights are."""
    if config.model not in PUBLISHED_MODELS:
        shipped = "the shipped model" if config.model == EMBEDDED else "the checkpoint's weights"
        return open_model(config), shipped
    import torch

    from src.amused import Amused

    keep_freed_memory()
    device = choose_device(config.device, torch.cuda.device_count())
    model = Amused.from_config(config.model, seed=config.seed, init="random")
    for part in (model.transformer, model.image_tokenizer, model.text_encoder):
        part.to(getattr(torch, config.dtype))
    if config.speed.weights == "full" and not config.speed.is_offloaded:
        model = model.to(device)
    return sped_up(model, config.speed, device), RANDOM_WEIGHTS


def measure(config: RunConfig, model, weights: str, place: Path, script: Path) -> list[Measurement]:
    """Seconds a picture of both, and their ratio round by round.

    Args:
        weights: in words, for the note.
        place: an empty folder, for the checkpoint that the peer opens.
        script: of the peer.
    """
    import torch

    if not config.latency.is_beside_peer:
        return _timed(config, model, weights, Peer(None, "", "left out by its setting"))
    model.save_pretrained(place / "model")
    threads, device = torch.get_num_threads(), str(model.device)
    with peer(place / "model", threads, device, config.dtype, script) as other:
        return _timed(config, model, weights, other)


def _timed(config: RunConfig, model, weights: str, other: Peer) -> list[Measurement]:
    sampler, num_rounds = drawn_with(config.sampler, model), config.latency.num_rounds
    settings = {"num_steps": sampler.num_steps, "guidance_scale": sampler.guidance_scale}

    def ours(prompt: str, seed: int) -> None:
        model.generate(prompt, seeds=seed, record=False, **settings)  # ends on the processor

    works = {"ours": each_round(ours, config.seed)}
    if other.process is not None:
        works["theirs"] = each_round(
            lambda prompt, seed: other.draw(prompt, seed, **settings), config.seed
        )
    seconds = in_turns(works, num_rounds)
    note = (
        f"{weights}, {config.dtype}, batch 1, {sampler.num_steps} steps, guidance "
        f"{sampler.guidance_scale:g}, {model.height} x {model.width} pixels, prompt and decoding "
        "included, a new prompt each round; samples are rounds"
    )
    found = [median("seconds a picture", seconds["ours"], "ours", note)]
    if other.process is None:
        found[0] = median(
            "seconds a picture", seconds["ours"], "ours", f"{note}; no peer: {other.missing}"
        )
        return found
    found.append(median("seconds a picture", seconds["theirs"], other.name, note))
    found.append(ratio("ours / theirs", seconds["ours"], seconds["theirs"], "ratio", note))
    spread = np.ptp(seconds["ours"] / seconds["theirs"])
    return [*found, _spread(float(spread), num_rounds, note)]


def _spread(value: float, num_rounds: int, note: str) -> Measurement:
    return Measurement(
        "largest less smallest ratio of a round",
        value,
        num_rounds,
        subject="ratio",
        is_higher_better=False,
        note=note,
    )


def each_round(
    work: Callable[[str, int], object], seed: int, prompts: Callable[[int], str] | None = None
) -> Callable[[], None]:
    """The same prompts and seeds for whoever counts, a new one each time; None = `prompt_of`."""
    numbers = count()

    def draw() -> None:
        number = next(numbers)
        work((prompts or prompt_of)(number), seed + number)

    return draw


def prompt_of(number: int) -> str:
    """A prompt that no other number has."""
    thing, place = THINGS[number % len(THINGS)], PLACES[number % len(PLACES)]
    lap = number // (len(THINGS) * len(PLACES))
    return f"a photograph of a {thing} {place}" + (f", number {lap + 1}" if lap else "")


def short_prompt_of(number: int) -> str:
    """Likewise, and within the shipped model's window."""
    return f"a red star {number}"
