"""What the recipes need on a GPU: peak memory of a step each, and the pace of pre-training.

The models are full-size, on random weights: nothing is downloaded, and no number here depends on
what weights say.
"""

import gc
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from rich.console import Console

from src.config import RunConfig
from src.evaluation.measurement import Measurement
from src.evaluation.timing import in_turns
from src.tasks.bench_steps import batches, moved, stepper
from src.tasks.inputs import choose_device
from src.tasks.outcome import Outcome, deliver, targets

PUBLISHED_GIGABYTES = {  # batch 1 (report_facts: the training README's tables); GB = 10^9 bytes
    "finetune_256_full": 17.9,
    "finetune_512_full": 17.0,
    "finetune_256_8bit": 10.7,
    "finetune_512_8bit": 9.9,
    "finetune_256_lora": 6.5,
    "finetune_512_lora": 5.6,
}
NUM_STEPS = 3  # the optimizer's state is there after the first
NUM_ROUNDS, STEPS_A_ROUND = 5, 4
MATRIX_SIDE, SMALL_MATRIX_SIDE = 8192, 512  # of the products; the second on a processor


def run(config: RunConfig, folder: Path) -> None:
    """Measure all recipes in turn, then the pace; table and record. Raises UserError off a GPU."""
    import torch

    from src.amused import Amused

    started = time.perf_counter()
    device = choose_device(config.device, torch.cuda.device_count())
    if not device.startswith("cuda"):
        rows = "\n".join(
            f"  {name}: published {size} GB, not measured here"
            for name, size in PUBLISHED_GIGABYTES.items()
        )
        Console(highlight=False).print(
            f"{rows}\n  pre-training, share of the measured matrix rate: not measured here\n"
            f"device={device}: memory and pace of full-size models are measured on a GPU.",
            soft_wrap=True,
        )
        return
    targets(config, folder)  # one that cannot be written to is refused before the work
    measured = [_memory(name, config.seed, device) for name in PUBLISHED_GIGABYTES]
    amused = Amused.from_config(config.model, seed=config.seed, init="training")
    measured.append(pace(config, amused, device))
    outcome = Outcome(
        measurements=measured, figures={}, weights={}, seeds={"seed": config.seed}, device=device
    )
    deliver(outcome, config, folder, time.perf_counter() - started)


def _memory(name: str, seed: int, device: str) -> Measurement:
    """The most that a recipe's own training ever held, at batch 1."""
    import torch

    peak = peak_bytes(name, seed, device)
    gc.collect()
    torch.cuda.empty_cache()
    return Measurement(
        "peak memory, GB, batch 1",
        peak / 1e9,
        NUM_STEPS,
        subject=name,
        is_higher_better=False,
        note=f"published {PUBLISHED_GIGABYTES[name]} GB; allocated by torch, random weights",
    )


def peak_bytes(name: str, seed: int, device: str, model=None) -> int:
    """Run a recipe's training on noise for a few steps; the most memory it held.

    model: another one than the recipe's own size, on random weights.
    """
    import torch

    from src.amused import Amused
    from src.compose import composed
    from src.training.beginning import begun
    from src.training.uvit_recipe import Run, train_on_pictures

    recipe = composed([f"+exp={name}"]).config
    amused = model or Amused.from_config(recipe.model, seed=seed, init="training")
    short = {"max_steps": NUM_STEPS, "batch_size": 1, "accumulation": 1, "num_workers": 0}
    quiet = {"sample_every": 10**6, "checkpoint_every": 10**6, "saved_dtype": "float16"}
    training = replace(recipe.training, **short, **quiet)
    with TemporaryDirectory() as place:
        pictures = Path(place) / "pictures"
        pictures.mkdir()
        rng = np.random.default_rng(seed)
        for index in range(NUM_STEPS):
            noise = rng.integers(256, size=(amused.height, amused.width, 3), dtype=np.uint8)
            Image.fromarray(noise).save(pictures / f"noise {index}.png")
        data = replace(
            recipe.data,
            path=str(pictures),
            is_caption_file_name=True,
            picture_size=amused.height,
        )
        how = Run(training, recipe.masking, recipe.lora, seed, Path(place) / "run", device)
        if device.startswith("cuda"):
            torch.cuda.reset_peak_memory_stats(device)
        train_on_pictures(begun(amused, training, seed), data, how)
    return torch.cuda.max_memory_allocated(device) if device.startswith("cuda") else 0


def pace(config: RunConfig, amused, device: str) -> Measurement:
    """The arithmetic of a training step on cached tokens, over that of bare matrix products.

    Both in bf16, in turns. Activations that are computed a second time are not counted as work.
    """
    import torch

    from src.transformer.cost import uvit_cost

    batch_size, settings = config.training.batch_size, amused.transformer.config
    step = stepper(config, amused, settings, device)
    batch = moved(next(batches(_random_rows(amused, batch_size), config, settings)), device)
    side = MATRIX_SIDE if device.startswith("cuda") else SMALL_MATRIX_SIDE
    left, right = (torch.ones(side, side, dtype=torch.bfloat16, device=device) for _ in "ab")

    def products() -> None:
        for _ in range(STEPS_A_ROUND):
            left @ right
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)

    def steps() -> None:
        for _ in range(STEPS_A_ROUND):
            step(batch)

    seconds = in_turns({"products": products, "steps": steps}, NUM_ROUNDS, warm_up=2)
    flops = uvit_cost(settings, amused.text_encoder.window).picture_flops * batch_size
    shares = (flops / seconds["steps"]) / (2 * side**3 / seconds["products"])
    rate = 2 * side**3 * STEPS_A_ROUND / float(np.median(seconds["products"])) / 1e12
    return Measurement(
        "pre-training step, share of the matrix rate",
        float(np.median(shares)),
        NUM_ROUNDS,
        float(shares.min()),
        float(shares.max()),
        subject=config.model,
        is_share=True,
        note=f"bf16, batch {batch_size}; bare products {rate:.0f} TFLOP/s; least and most",
    )


def _random_rows(amused, num_rows: int):
    """Token ids that lie in memory, as many as a step takes; codes and captions mean nothing."""
    import torch

    from src.training.rows import TokenRows
    from src.training.token_cache import EncodedScenes

    settings, rng = amused.transformer.config, torch.Generator().manual_seed(0)
    shape = (num_rows, settings.sample_size, settings.sample_size)
    token_ids = torch.randint(settings.codebook_size, shape, generator=rng)
    prompt_ids = amused.text_encoder.prompt_ids(["a red star"] * num_rows)
    micro_cond = torch.tensor([[amused.width, amused.height, 0, 0, 6.0]] * num_rows)
    return TokenRows(EncodedScenes(token_ids, prompt_ids, micro_cond), seed=0)
