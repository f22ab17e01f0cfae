"""Many pictures through one sampler: which go through the model together, and whose noise is whose.

Dimensions: batch (all pictures), height, width (in tokens).
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from jaxtyping import Int
from torch import Generator, Tensor

from src.errors import UserError
from src.sampler.choices import Noise
from src.sampler.config import SamplerConfig
from src.sampler.decode import decode
from src.sampler.generator_noise import GeneratorNoise
from src.sampler.model_pass import Predict
from src.sampler.seeded_noise import SeededNoise
from src.sampler.seeds import seeds_for
from src.sampler.step import Step
from src.sampler.trace import Trace, join, record

Progress = Callable[[int, int, Step], None]  # steps done, steps in all, the step just done


class Pass(NamedTuple):
    """Pictures that are decoded together; the last of them may be repeated to fill the pass."""

    pictures: list[int]
    num_fillers: int
    noise: Noise


def passes_for(
    num_pictures: int, seeds: Any, generator: Generator | None, pictures_per_pass: int
) -> tuple[list[int] | None, list[Pass]]:
    """The seeds, None with a generator, and the passes of all pictures, so many to a seeded one.

    Raises UserError if seeds and generator are both given, and for impossible seeds.
    """
    if generator is None:
        seeds = seeds_for(num_pictures, seeds)
        return seeds, seeded_passes(seeds, pictures_per_pass)
    if seeds is not None:
        raise UserError("seeds and generator are both given: they are two ways to one choice")
    return None, generator_pass(num_pictures, generator)


def seeded_passes(seeds: list[int], size: int) -> list[Pass]:
    """Passes of exactly `size` pictures, each picture with its own seed."""
    passes = []
    for start in range(0, len(seeds), size):
        pictures = list(range(start, min(start + size, len(seeds))))
        num_fillers = size - len(pictures)
        pictures += pictures[-1:] * num_fillers
        noise = SeededNoise([seeds[picture] for picture in pictures])
        passes.append(Pass(pictures, num_fillers, noise))
    return passes


def generator_pass(num_pictures: int, generator: Generator) -> list[Pass]:
    """All pictures in one pass, as upstream draws for a whole batch at once."""
    return [Pass(list(range(num_pictures)), 0, GeneratorNoise(generator))]


def decode_passes(
    passes: list[Pass],
    predict_for: Callable[[list[int]], Predict],
    start_token_ids: Int[Tensor, "batch height width"],
    mask_token_id: int,
    codebook_size: int,
    config: SamplerConfig,
    progress: Progress | None = None,
    num_top: Any = None,
) -> Trace:
    """Decode pass by pass; the trace is that of all pictures in order.

    predict_for: makes the function that predicts for the pictures of a pass.
    progress: called after every step of every pass. num_top: see `decode`.
    """
    traces = []
    for index, (pictures, num_fillers, noise) in enumerate(passes):
        start = start_token_ids[pictures]
        steps = decode(
            predict_for(pictures), start, mask_token_id, config, noise, codebook_size, num_top
        )
        done = index * config.num_steps
        told = _told(steps, progress, done, len(passes) * config.num_steps)
        trace = record(start, mask_token_id, told)
        kept = range(len(pictures) - num_fillers)
        traces.append(join([trace.picture(row) for row in kept]) if num_fillers else trace)
    return join(traces)


def _told(
    steps: Iterator[Step], progress: Progress | None, done: int, total: int
) -> Iterator[Step]:
    for step in steps:
        if progress is not None:
            progress(done + step.step, total, step)
        yield step
