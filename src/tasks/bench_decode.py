"""From token ids to pixels: ours and diffusers' in turns, by size, and what memory it takes."""

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from src.config import RunConfig
from src.evaluation.floor import beside_floor
from src.evaluation.measurement import Measurement
from src.evaluation.process_memory import peak_of
from src.evaluation.timing import in_turns, median, ratio
from src.experiments import ROOT
from src.tasks.drawing import short_hash
from src.tasks.latency_peer import Peer, peer
from src.tasks.outcome import Outcome, deliver, targets
from src.tasks.report_latency import open_timed

SCRIPT = ROOT / "tests" / "peers" / "diffusers_decode.py"
SIDES = (256, 512, 1024)  # pixels
DTYPE = "float32"  # in which both decode; aMUSEd's decoder overflows in float16


def run(config: RunConfig, folder: Path) -> None:
    """Time every size, then weigh the largest; table and record."""
    started = time.perf_counter()
    targets(config, folder)  # one that cannot be written to is refused before the work
    model, about = open_timed(config)
    with TemporaryDirectory() as place:
        model.save_pretrained(Path(place) / "model")
        vqgan, device = model.image_tokenizer, str(model.device)
        hashed = short_hash(model)
        del model  # all but the decoder
        measured = measure(config, vqgan, about, Path(place) / "model", SCRIPT, SIDES)
    outcome = Outcome(
        measurements=measured,
        figures={},
        weights={"model": hashed},
        seeds={"token ids": config.seed},
        device=device,
    )
    deliver(outcome, config, folder, time.perf_counter() - started)


def measure(
    config: RunConfig, vqgan, about: str, checkpoint: Path, script: Path, sides, is_small=False
) -> list[Measurement]:
    """Seconds a picture by size, beside their floor and the peer's; peak memory of the largest.

    Args:
        about: the weights in words. checkpoint: the same ones in a folder.
        sides: pixels, multiples of the token's. is_small: the machine roughly, for tests.
    """
    import torch

    from src.speed.machine import measured_machine

    vqgan = vqgan.float()
    device, threads = str(vqgan.quantizer.codebook.device), torch.get_num_threads()
    if not config.latency.is_beside_peer:
        other = Peer(None, "", "left out by its setting")
        machine = measured_machine(device, torch.float32, is_small)
        found = [_timed(config, vqgan, about, other, side, machine) for side in sides]
    else:
        with peer(checkpoint, threads, device, DTYPE, script) as other:
            machine = measured_machine(device, torch.float32, is_small)
            found = [_timed(config, vqgan, about, other, side, machine) for side in sides]
    memory = _memory(config, checkpoint, script, max(sides), device)
    return [*(each for rows in found for each in rows), *memory]


def _timed(
    config: RunConfig, vqgan, about: str, other: Peer, side: int, machine
) -> list[Measurement]:
    from src.speed.generation_work import decoder_work

    grid = (side // vqgan.downscale, side // vqgan.downscale)
    works: dict[str, Callable[[], object]] = {"ours": lambda: decoded(vqgan, grid, config.seed)}
    if other.process is not None:
        works["theirs"] = lambda: other.ask({"seed": config.seed, "grid": grid})
    seconds = in_turns(works, config.latency.num_rounds)
    size = f"{side} pixels"
    how = DTYPE if config.speed.decoder == DTYPE else f"{DTYPE}, ours {config.speed.decoder}"
    note = f"{about}, {how}, one picture of {side} x {side} pixels; samples are rounds"
    note += f"; no peer: {other.missing}" if other.missing else ""
    ours = median("seconds a picture", seconds["ours"], f"ours, {size}", note)
    found = beside_floor(ours, {"decoder": decoder_work(vqgan.config, grid)}, machine)
    if other.process is None:
        return found
    theirs = f"{other.name}, {size}"
    return [
        *found,
        median("seconds a picture", seconds["theirs"], theirs, note),
        ratio("ours / theirs", seconds["ours"], seconds["theirs"], f"ratio, {size}", note),
        _gap(other, vqgan, config.seed, grid, size),
    ]


def _gap(other: Peer, vqgan, seed: int, grid: tuple[int, int], size: str) -> Measurement:
    """How far the two means over all pixels are apart: that both decoded the same."""
    theirs = other.ask({"seed": seed, "grid": grid})["mean"]
    ours = float(decoded(vqgan, grid, seed).mean())
    return Measurement(
        "difference of the mean pixel, levels of 255",
        255 * abs(ours - theirs),
        int(np.prod(grid)),
        subject=f"ratio, {size}",
        is_higher_better=False,
    )


def decoded(vqgan, grid: tuple[int, int], seed: int):
    """The pixels of random token ids, back on the processor."""
    import torch

    from src.image_tokenizer.pictures import decode_pixels

    rng = torch.Generator().manual_seed(seed)
    token_ids = torch.randint(vqgan.codebook_size, (1, *grid), generator=rng)
    return decode_pixels(vqgan, token_ids).cpu()


def _memory(
    config: RunConfig, checkpoint: Path, script: Path, side: int, device: str
) -> list[Measurement]:
    """The most that a process held that opened the decoder and decoded once, of both."""
    import torch

    threads, name = torch.get_num_threads(), "peak memory of a process, MB"
    size = f"{side} x {side} pixels"
    note = f"opened and decoded once, {DTYPE}, {size}, on the processor; torch included"
    peaks = {"ours": peak_of(decode_alone, str(checkpoint), side, config.seed, threads)}
    if config.latency.is_beside_peer:
        with peer(checkpoint, threads, "cpu", DTYPE, script) as other:
            if other.process is not None:
                tokens = side // _downscale(checkpoint)
                said = other.ask({"seed": config.seed, "grid": (tokens, tokens)})
                peaks[other.name] = said["peak_bytes"]
    return [
        Measurement(
            name, peak / 1e6, 1, subject=f"{who}, {side} pixels", is_higher_better=False, note=note
        )
        for who, peak in peaks.items()
        if peak
    ]


def decode_alone(checkpoint: str, side: int, seed: int, threads: int) -> None:
    """Open the image tokenizer of a folder and decode one picture of that side, in pixels."""
    import torch

    from src.memory import keep_freed_memory

    torch.set_num_threads(threads)
    keep_freed_memory()
    vqgan = _opened(Path(checkpoint))
    decoded(vqgan, (side // vqgan.downscale, side // vqgan.downscale), seed)


def _opened(checkpoint: Path):
    import torch

    from src.assembly import open_vqgan
    from src.checkpoint.folder import CheckpointFolder

    return open_vqgan(CheckpointFolder(checkpoint, None), torch.float32, "cpu")


def _downscale(checkpoint: Path) -> int:
    return _opened(checkpoint).downscale
