"""What a training step costs from tensors in memory, from the token cache, and from pictures."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from PIL import Image

from src.config import RunConfig
from src.data.config import DataConfig
from src.data.examples import example
from src.data.scenes import World
from src.evaluation.measurement import Measurement
from src.evaluation.timing import in_turns, ratio
from src.tasks.bench_steps import batches, stepper
from src.tasks.inputs import choose_device, open_model
from src.tasks.outcome import Outcome, deliver, targets

LAYERS = (2, 8, 22)
NUM_PICTURES = 256
PICTURE_SIDE = 256  # pixels of the files, as a folder of photographs would have to be made smaller
NUM_ROUNDS = 7
STEPS_A_ROUND = 4


def run(config: RunConfig, folder: Path) -> None:
    """Time the three for U-ViTs of several depths, in turns; table and record."""
    import torch

    started = time.perf_counter()
    targets(config, folder)  # one that cannot be written to is refused before the work
    device = choose_device(config.device, torch.cuda.device_count())
    measured: list[Measurement] = []
    with TemporaryDirectory() as place:
        rows = _rows(config, Path(place))
        for num_layers in LAYERS:
            measured += _measure(config, rows, num_layers, device)
    outcome = Outcome(
        measurements=measured, figures={}, weights={}, seeds={"seed": config.seed}, device=device
    )
    deliver(outcome, config, folder, time.perf_counter() - started)


class _Both(NamedTuple):
    """The same pictures as files and as token ids, and the model that reads them."""

    amused: object
    pictures: object  # rows of src.training.rows
    tokens: object


def _rows(config: RunConfig, place: Path) -> _Both:
    """Scenes written as large PNG files, opened as people's own; and encoded."""
    from src.training.encode import DONE, encode_rows, encoding_identity
    from src.training.own_rows import open_own_rows

    amused = open_model(replace(config, device="cpu"))
    lines = []
    for index in range(NUM_PICTURES):
        drawn = example(World(config.data), config.seed, index)
        picture = Image.fromarray(drawn.picture).resize((PICTURE_SIDE, PICTURE_SIDE), Image.BICUBIC)
        picture.save(place / f"{index}.png")
        lines.append(json.dumps({"file_name": f"{index}.png", "text": drawn.caption}))
    (place / "metadata.jsonl").write_text("\n".join(lines), encoding="utf-8")
    data = DataConfig(path=str(place), picture_size=amused.height, crop="center")
    pictures = open_own_rows(amused, data, config.seed).rows
    identity = encoding_identity(amused, data, config.encoding, config.seed, "")
    tokens = place / DONE.removesuffix(".json")
    encode_rows(pictures.pictures, amused, config.encoding, identity, tokens, 0.0)
    return _Both(amused, pictures, open_own_rows(amused, DataConfig(tokens=str(tokens)), 0).rows)


def _measure(config: RunConfig, both: _Both, num_layers: int, device: str) -> list[Measurement]:
    """The ratios of one depth."""
    amused, subject = both.amused, f"{num_layers} layers"
    settings = replace(amused.transformer.config, num_hidden_layers=num_layers)
    take_step = stepper(config, amused, settings, device)
    cached, pictured = (batches(rows, config, settings) for rows in (both.tokens, both.pictures))
    held = next(batches(both.tokens, config, settings))

    def steps(next_batch: Callable[[], object]) -> Callable[[], None]:
        return lambda: [take_step(next_batch()) for _ in range(STEPS_A_ROUND)]

    works = {
        "memory": steps(lambda: held),
        "cache": steps(lambda: next(cached)),
        "pictures": steps(lambda: next(pictured)),
    }
    memory, cache, pictures = in_turns(works, NUM_ROUNDS).values()
    predicted = _predicted(amused, settings)
    return [
        ratio("step from the cache / from memory", cache, memory, subject),
        ratio("step from pictures / from the cache", pictures, cache, subject),
        Measurement("the same, predicted from the arithmetic alone", predicted, 1, subject=subject),
    ]


def _predicted(amused, settings) -> float:
    """Operations of encoding a picture and training on it, over those of training alone."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from src.transformer.cost import uvit_cost

    pixels = torch.zeros(1, 3, amused.height, amused.width)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        amused.image_tokenizer.cpu().encode(pixels)
    step = uvit_cost(settings, amused.text_encoder.window).picture_flops
    return (counter.get_total_flops() + step) / step
