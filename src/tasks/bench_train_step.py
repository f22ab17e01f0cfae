"""A training step of the U-ViT beside diffusers' on the same weights, batch, loss and optimizer."""

import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from src.config import RunConfig
from src.errors import UserError
from src.evaluation.floor import beside_floor
from src.evaluation.measurement import Measurement
from src.evaluation.timing import in_turns, median, ratio
from src.experiments import ROOT
from src.memory import keep_freed_memory
from src.tasks.bench_steps import bare_batch, bare_stepper
from src.tasks.inputs import choose_device
from src.tasks.latency_peer import Peer, peer
from src.tasks.outcome import Outcome, deliver, targets
from src.tasks.reduced_model import reduced

SCRIPT = ROOT / "tests" / "peers" / "diffusers_train_step.py"
WIDTH, BLOCKS = 1024, 3  # as published
LAYERS = {"cpu": 4, "cuda": 22}  # of the transformer: on a processor a part of them
NUM_WORDS = 77
ADAM_NUMBERS = 7  # a weight: itself, gradient and two moments read; itself and the moments written


def run(config: RunConfig, folder: Path) -> None:
    """Time both in turns, one step a round; table and record."""
    import torch

    started = time.perf_counter()
    targets(config, folder)  # one that cannot be written to is refused before the work
    if config.training.optimizer != "adamw":
        raise UserError(
            f"training.optimizer={config.training.optimizer} cannot be compared: diffusers steps "
            "by torch's AdamW; give training.optimizer=adamw."
        )
    keep_freed_memory()
    device = choose_device(config.device, torch.cuda.device_count())
    system = reduced(WIDTH, LAYERS[device.partition(":")[0]], config.seed, BLOCKS)
    with TemporaryDirectory() as place:
        measured = measure(config, system, device, Path(place), SCRIPT)
    outcome = Outcome(
        measurements=measured, figures={}, weights={}, seeds={"seed": config.seed}, device=device
    )
    deliver(outcome, config, folder, time.perf_counter() - started)


def measure(
    config: RunConfig, system, device: str, place: Path, script: Path, is_small: bool = False
) -> list[Measurement]:
    """Seconds a step of both, their ratio, and the floor.

    Args:
        place: an empty folder, for what the peer opens. script: of the peer.
        is_small: the machine's rates roughly, for tests.
    """
    import torch
    from safetensors.torch import save_file

    from src.speed.machine import measured_machine

    training, uvit = config.training, system.transformer
    batch = bare_batch(uvit.config, NUM_WORDS, training.batch_size, config.seed)
    if config.latency.is_beside_peer:
        system.save_pretrained(place / "model")
        save_file(batch, place / "batch.safetensors")
    step, numbers = bare_stepper(uvit, batch, config, device)
    dtype = torch.bfloat16 if training.precision == "bf16-mixed" else torch.float32
    before = measured_machine(device, dtype, is_small)
    note = (
        f"{uvit.config.num_hidden_layers} layers, batch {training.batch_size}, "
        f"{training.precision}, {'compiled' if training.compile else 'eager'}, AdamW, half of the "
        "tokens hidden; samples are rounds"
    )
    if not config.latency.is_beside_peer:
        found = _alone(config, step, note, "left out by its setting")
    else:
        more = str(place / "batch.safetensors"), json.dumps(numbers)
        threads = torch.get_num_threads()
        with peer(place / "model", threads, device, "float32", script, *more) as other:
            found = _in_turns(config, step, other, note)
    works = step_works(uvit, training.batch_size)
    return [*beside_floor(found[0], works, before), *found[1:]]


def step_works(uvit, batch_size: int) -> dict:
    """Forward and backward pass, whose activations are written once and read once; the update."""
    from src.speed.work import Work
    from src.transformer.cost import BYTES, uvit_cost

    cost = uvit_cost(uvit.config, NUM_WORDS)
    kept = 2 * batch_size * cost.picture_bytes // BYTES
    passes = Work(batch_size * cost.picture_flops, 3 * cost.num_parameters, kept)
    return {"passes": [passes], "update": [Work(0, ADAM_NUMBERS * cost.num_parameters)]}


def _alone(config: RunConfig, step, note: str, why: str) -> list[Measurement]:
    seconds = in_turns({"ours": lambda: step()}, config.latency.num_rounds)
    return [median("seconds a step", seconds["ours"], "ours", f"{note}; no peer: {why}")]


def _in_turns(config: RunConfig, step, other: Peer, note: str) -> list[Measurement]:
    if other.process is None:
        return _alone(config, step, note, other.missing)
    losses = {"ours": [], "theirs": []}
    seconds = in_turns(
        {
            "ours": lambda: losses["ours"].append(step()),
            "theirs": lambda: losses["theirs"].append(other.ask({})["loss"]),
        },
        config.latency.num_rounds,
    )
    first = abs(losses["ours"][0] - losses["theirs"][0])
    return [
        median("seconds a step", seconds["ours"], "ours", note),
        median("seconds a step", seconds["theirs"], other.name, note),
        ratio("ours / theirs", seconds["ours"], seconds["theirs"], "ratio", note),
        Measurement(
            "difference of the first losses",
            first,
            1,
            subject="ratio",
            is_higher_better=False,
            note=f"ours {losses['ours'][0]:.6f}; on one batch, before the first update",
        ),
    ]
