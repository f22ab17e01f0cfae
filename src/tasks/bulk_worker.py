"""One worker of a large folder: its device, its model, and the drawing of call after call."""

import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from src.config import RunConfig
from src.errors import UserError
from src.memory import is_out_of_memory
from src.report.pictures import annotated_png
from src.tasks.behind import behind
from src.tasks.bulk_plan import Plan
from src.tasks.drawing import draw_tokens
from src.tasks.inputs import open_model
from src.whole_files import write_whole

GPU_FILES = ("nvidia*", "kfd", "dxg")  # of /dev, where a driver for torch is at work


class Drawn(NamedTuple):
    """What a worker has done."""

    pictures: int
    began: float  # seconds of the system's clock
    ended: float
    device: str

    @property
    def an_hour(self) -> float:
        return 3600 * self.pictures / max(self.ended - self.began, 1e-9)


@contextmanager
def opened(config: RunConfig, worker: int, num_workers: int):
    """The model on the worker's own device, with as many threads as the pictures were asked for."""
    import torch

    device = device_of(config, worker, num_workers, num_gpus(config))
    before = torch.get_num_threads()
    torch.set_num_threads(config.bulk.num_threads if device == "cpu" else before)
    try:
        if device != "cpu":
            torch.cuda.set_device(device)
        model = open_model(replace(config, device=device))
        model.pictures_per_pass = config.bulk.pictures_per_pass
        yield model
    finally:
        torch.set_num_threads(before)


def num_gpus(config: RunConfig) -> int:
    """How many GPUs the work may use; torch, slow to import, is asked where there may be some."""
    is_linux = sys.platform == "linux"
    if config.device == "cpu" or (is_linux and not any(_files(GPU_FILES))):
        return 0
    import torch

    return torch.cuda.device_count()


def device_of(config: RunConfig, worker: int, num_workers: int, gpus: int) -> str:
    """Each worker its own GPU, also where every share is a process of its own on one machine."""
    if config.device not in ("auto", "cuda") or not gpus:
        return "cpu" if config.device == "auto" else config.device
    return f"cuda:{(config.shard.index * num_workers + worker) % gpus}"


def crew_size(config: RunConfig, num_calls: int) -> int:
    """How many processes draw: as told, or one a GPU, or as many as the cores allow."""
    gpus = num_gpus(config)
    if config.bulk.num_workers is not None:
        wanted = config.bulk.num_workers
    elif gpus or ":" in config.device:
        wanted = gpus if config.device in ("auto", "cuda") else 1
    else:
        cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
        wanted = cores // config.bulk.num_threads
    return max(1, min(wanted, num_calls))


def draw(
    config: RunConfig,
    model,
    plan: Plan,
    calls: Iterable[list[int]],
    there: set[int],
    told: Callable[[int], None],
) -> Drawn:
    """Draw call after call; writing follows in a thread of its own.

    Decoding does not: on a GPU it sets the precision of convolutions for all threads.

    Args:
        there: numbers that have their file and are drawn, if at all, as company of others.
        told: called with the number of pictures that were just written, in that thread.

    Raises UserError where there is no memory for a pass.
    """
    began = time.time()
    num = 0

    def write(numbers: list[int], images: list) -> None:
        for number, image in zip(numbers, images, strict=True):
            about = {"prompt": plan.prompt(number), "seed": plan.seed(number)}
            write_whole(plan.path(number), annotated_png(image, about))
        told(len(numbers))

    with _memory_told_of(config), behind() as hand:
        for numbers in calls:
            token_ids = _tokens(config, model, plan, numbers)
            new = [row for row, number in enumerate(numbers) if number not in there]
            images = model.decode_tokens(token_ids[new])
            hand(write, [numbers[row] for row in new], images)
            num += len(new)
    return Drawn(num, began, time.time(), str(model.device))


def draw_unseen(config: RunConfig, model) -> None:
    """Draw a picture in one step, here and for nobody, for what is kept of the weights after.

    Their second copy, laid out for the processor, is made at the first use: whoever is forked from
    here shares it, and would make its own. One thread draws, as in the workers, so that the fork
    finds no other one at work. A compiled step has no such copy, and compiling starts processes.
    """
    if config.speed.is_compiled:
        return
    plain = {"num_steps": 1, "guidance_scale": 1.0, "seeds": [0], "record": False}
    with _memory_told_of(config):
        model.generate("", height=config.height, width=config.width, **plain)


def _tokens(config: RunConfig, model, plan: Plan, numbers: list[int]):
    prompts = [plan.prompt(number) for number in numbers]
    seeds = [plan.seed(number) for number in numbers]
    negative = [plan.negative_prompt(number) for number in numbers]
    return draw_tokens(model, config, prompts, seeds, negative if plan.negative_prompts else None)


@contextmanager
def _memory_told_of(config: RunConfig):
    """Raises UserError where there is no memory for a pass."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise UserError(_too_little(config)) from error


def _too_little(config: RunConfig) -> str:
    each = config.bulk.pictures_per_pass
    fewer = f"bulk.pictures_per_pass={each // 2} and another output_dir, or " if each > 1 else ""
    return (
        f"There is not enough memory for {each} picture{'s' * (each > 1)} of {config.model} in one "
        f"pass through the model: give {fewer}fewer bulk.num_workers, or another device."
    )


def _files(patterns: Iterable[str]) -> Iterable[Path]:
    return (path for pattern in patterns for path in Path("/dev").glob(pattern))
