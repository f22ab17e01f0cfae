"""The whole pipeline, from prompt to picture: ours and diffusers' in turns, eager and compiled.

What a GPU should reach is printed where there is none, as not measured.
"""

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console

from src.config import RunConfig
from src.evaluation.floor import beside_floor
from src.evaluation.measurement import Measurement
from src.evaluation.timing import in_turns, median, ratio
from src.experiments import RECORDS
from src.report.kept_records import keep_beside
from src.tasks.drawing import drawn_with, short_hash
from src.tasks.latency_peer import SCRIPT, Peer, peer
from src.tasks.outcome import Outcome, deliver, record_of, targets
from src.tasks.report_latency import each_round, open_timed

GPU_TARGETS = (  # of 12 steps in bfloat16, compiled; the report has 539 ms eager on an A100
    "512 pixels, one picture: at most 50 ms",
    "256 pixels, one picture: at most 35 ms",
    "512 pixels, eight pictures: at most 150 ms",
    "256 pixels, one picture: at most 1.84 GiB allocated",
    "512 pixels, one picture: at most 2.26 GiB allocated",
    "share of the measured matrix rate",
)
SAME_LEVELS = 3  # of 255: rounding, where the tokens are the same


def run(config: RunConfig, folder: Path) -> None:
    """Measure in rounds, a new prompt each; table and record."""
    started = time.perf_counter()
    targets(config, folder)  # one that cannot be written to is refused before the work
    eager = replace(config, speed=replace(config.speed, is_compiled=False))
    model, about = open_timed(eager)
    ours = {"ours": model}
    if config.speed.is_compiled:
        ours["ours, compiled"] = open_timed(config)[0]
    with TemporaryDirectory() as place:
        measured = measure(config, ours, about, Path(place), SCRIPT)
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
    if not outcome.device.startswith("cuda"):
        rows = "\n".join(f"  {each}: not measured here" for each in GPU_TARGETS)
        Console(highlight=False).print(f"{rows}\n  These are of a GPU.", soft_wrap=True)


def measure(
    config: RunConfig, ours: dict, about: str, place: Path, script: Path, is_small: bool = False
) -> list[Measurement]:
    """Rows of every batch size.

    Args:
        ours: our models by what they are called; the first is what the peer opens.
        about: the weights in words. place: an empty folder. script: of the peer.
        is_small: the machine's rates roughly, for tests.
    """
    from src.speed.machine import measured_machine

    model = next(iter(ours.values()))
    with _peers(config, model, place, script) as (peers, missing):
        machine = measured_machine(str(model.device), model.dtype, is_small)
        found = []
        for size in config.latency.batch_sizes:
            found += _of_size(config, ours, peers, size, about + missing, machine)
        return [*found, *(_same_picture(config, model, each) for each in peers[:1])]


@contextmanager
def _peers(config: RunConfig, model, place: Path, script: Path) -> Iterator[tuple[list[Peer], str]]:
    """Eager, and compiled where asked; or none, and in words why."""
    import torch

    if not config.latency.is_beside_peer:
        yield [], "; no peer: left out by its setting"
        return
    model.save_pretrained(place / "model")
    told = place / "model", torch.get_num_threads(), str(model.device), config.dtype, script
    modes = ("eager", "compiled") if config.latency.is_peer_compiled else ("eager",)
    with ExitStack() as stack:
        opened = [stack.enter_context(peer(*told, mode)) for mode in modes]
        named = [
            each._replace(name=each.name + (", compiled" if mode == "compiled" else ""))
            for each, mode in zip(opened, modes, strict=True)
        ]
        there = [each for each in named if each.process is not None]
        yield there, "" if there else f"; no peer: {opened[0].missing}"


def _of_size(
    config: RunConfig, ours: dict, peers: list[Peer], size: int, about: str, machine
) -> list[Measurement]:
    from src.speed.generation_work import generation_work

    model = next(iter(ours.values()))
    sampler = drawn_with(config.sampler, model)
    works = {
        name: each_round(_drawer(config, each, size), config.seed) for name, each in ours.items()
    }
    told = {"num_steps": sampler.num_steps, "guidance_scale": sampler.guidance_scale}
    for other in peers:
        draw = other.draw
        works[other.name] = each_round(
            lambda prompt, seed, draw=draw: draw(prompt, seed, **told, num_images=size), config.seed
        )
    seconds = in_turns(works, config.latency.num_rounds)
    note = (
        f"{about}, {config.dtype}, batch {size}, {sampler.num_steps} steps, guidance "
        f"{sampler.guidance_scale:g}, {model.height} x {model.width} pixels, prompt and decoding "
        "included, a new prompt each round; samples are rounds"
    )
    grid = (model.transformer.config.sample_size,) * 2
    least = generation_work(model, sampler, grid, size, 1)
    found, batch = [], f"batch {size}"
    for name in ours:
        row = median("seconds", seconds[name], f"{name}, {batch}", note)
        found += beside_floor(row, least, machine)
        found += _on_gpu(config, ours[name], size, name, row, least, machine)
    for other in peers:
        found.append(median("seconds", seconds[other.name], f"{other.name}, {batch}", note))
        for name in ours:
            subject = f"{name} / {other.name}, {batch}"
            found.append(ratio("ratio", seconds[name], seconds[other.name], subject, note))
    return found


def _drawer(config: RunConfig, model, size: int) -> Callable[[str, int], object]:
    """Draw as upstream draws, number by number, so that both sides have the same tokens."""
    import torch

    sampler = drawn_with(config.sampler, model)
    told = {"num_steps": sampler.num_steps, "guidance_scale": sampler.guidance_scale}

    def draw(prompt: str, seed: int):
        generator = torch.Generator().manual_seed(seed)
        return model.generate(
            prompt, generator=generator, num_images_per_prompt=size, record=False, **told
        )

    return draw


def _on_gpu(config: RunConfig, model, size: int, name: str, row, least, machine) -> list:
    """On a GPU, the most that was allocated and the share of the matrix rate; else nothing."""
    from src.speed.peak import peak_bytes
    from src.speed.work import together

    if not str(model.device).startswith("cuda"):
        return []
    draw, subject = _drawer(config, model, size), f"{name}, batch {size}"
    peak = peak_bytes(model, lambda: draw("a lighthouse", config.seed))
    flops = together(work for each in least.values() for work in each).flops
    share = flops / row.value / machine.flops_per_second
    return [
        Measurement("peak memory, GiB", peak / 2**30, 1, subject=subject, is_higher_better=False),
        Measurement(
            "share of the matrix rate", share, row.num_samples, subject=subject, is_share=True
        ),
    ]


def _same_picture(config: RunConfig, model, other: Peer) -> Measurement:
    """The share of pixels that are the same, of one prompt and seed, within rounding."""
    sampler = drawn_with(config.sampler, model)
    asked = {"prompt": "a lighthouse at dawn", "seed": config.seed, "is_shown": True}
    asked |= {"num_steps": sampler.num_steps, "guidance_scale": sampler.guidance_scale}
    theirs = np.frombuffer(base64.b64decode(other.ask(asked)["shown"]), np.uint8)
    drawn = _drawer(config, model, 1)(asked["prompt"], config.seed)
    ours = np.asarray(drawn.images[0]).reshape(-1)
    gaps = np.abs(ours.astype(int) - theirs)
    return Measurement(
        f"pixels the same within {SAME_LEVELS} of 255 levels",
        float((gaps <= SAME_LEVELS).mean()),
        len(gaps),
        subject=f"ours / {other.name}",
        is_share=True,
        note="one picture, the same draws",
    )
