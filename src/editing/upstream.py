"""diffusers' variation and inpainting draw for draw, faults included, to compare with.

What it does that the exact edits do not: a coin decides for each token whether a variation hides
it, and strength 1 hides none; all pictures of a batch count with one starting share; a mask is
shrunk to the token grid, where thin strokes vanish; nothing is put back outside it; and where
nothing is hidden, a known token is hidden and drawn again in every step. What it does not do:
pictures are turned upright here. Source: AmusedImg2ImgPipeline and AmusedInpaintPipeline of
diffusers 0.42.1.

Dimensions: batch, height, width (in tokens), rows, columns (of pixels).
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image
from torch import Generator, Tensor

from src.conditioning.prompts import Prompts
from src.editing.batch import side_by_side
from src.editing.sources import HALF, Source, mask_levels, open_sources
from src.errors import UserError
from src.filling import Asked, How, System, ask, check_fits, mask_id
from src.generation import Edited, Generation
from src.image_tokenizer.pictures import decode_pixels, encode_pixels, to_images
from src.masking.schedule import mask_ratio
from src.predicting import predict_for
from src.sampler.choices import Canvas, Counts
from src.sampler.config import SamplerConfig
from src.sampler.counts import upstream_count
from src.sampler.decode import resume
from src.sampler.generator_noise import GeneratorNoise
from src.sampler.plan import StepPlan
from src.sampler.trace import Trace, record

INPAINTING_SCHEDULE = "linear"  # whatever the checkpoint's scheduler says


class EditNoise(GeneratorNoise):
    """The reference scheduler in an edit: one share for the batch, and no token is sacrosanct."""

    def __init__(self, generator: Generator, share_at_start: Tensor) -> None:
        super().__init__(generator)
        self.share_at_start = share_at_start

    def is_open(self, counts: Counts, now: StepPlan) -> list[bool]:
        """It never looks whether there is anything left to do."""
        return [True] * len(counts.hidden)

    def scheduled(self, canvas: Canvas, now: StepPlan) -> Int[Tensor, "batch"]:
        """At least one, even where none is hidden."""
        config = now.config
        state = canvas.is_masked, canvas.is_given, now.step, config.num_steps
        return upstream_count(*state, config.schedule, self.share_at_start).clamp(min=1)


def vary_as_upstream(
    system: System, images: Any, prompts: Prompts, strength: int | float, how: How
) -> Generation:
    """img2img: tokens hidden by a coin each, once for all pictures of one input."""

    def hide(token_ids: Tensor, config: SamplerConfig) -> tuple[Tensor, Tensor]:
        steps_before = _steps_before(config, strength)
        # it reads the noise level before the first step from the end of the list
        progress = torch.tensor(steps_before or config.num_steps) / config.num_steps
        generator = how.generator
        coins = torch.rand(token_ids.shape, generator=generator, device=generator.device)
        is_hidden = coins < mask_ratio(progress, config.schedule)
        return is_hidden.to(token_ids.device), torch.ones(len(token_ids))

    return _edit(system, open_sources(images), prompts, strength, how, None, hide)


def inpaint_as_upstream(
    system: System, images: Any, masks: Any, prompts: Prompts, strength: int | float, how: How
) -> Generation:
    """inpaint: the mask resized to the token grid; strength decides how many steps are taken."""

    def hide(token_ids: Tensor, config: SamplerConfig) -> tuple[Tensor, Tensor]:
        levels = mask_levels(masks)
        if len(levels) != len(token_ids):
            raise UserError(
                f"there are {len(levels)} masks for {len(token_ids)} images: mode=upstream takes "
                "one each"
            )
        height, width = token_ids.shape[1:]
        small = [_shrunk(each, (width, height), system) for each in levels]
        is_hidden = torch.stack(small).to(token_ids.device)
        share = is_hidden.sum() / is_hidden.numel()
        return is_hidden, share.expand(len(token_ids))

    sources, own = open_sources(images), INPAINTING_SCHEDULE
    return _edit(system, sources, prompts, strength, how, own, hide)


@torch.no_grad()
def _edit(
    system: System,
    sources: list[Source],
    prompts: Prompts,
    strength: int | float,
    how: How,
    schedule: str | None,
    hide: Any,
) -> Generation:
    if how.generator is None:
        raise UserError(
            "mode=upstream repeats its draws from one torch.Generator: give generator=..., or "
            "mode=exact with seeds"
        )
    pixels = torch.cat([_whole_tokens(each, system) for each in sources])
    size = pixels.shape[3], pixels.shape[2]
    prompts, sources_of = side_by_side(prompts, len(sources), how.num_images_per_prompt)
    asked = ask(system, prompts, size, how, schedule)
    check_fits(system, asked)
    config, token_ids = asked.recipe.sampler, encode_pixels(system.image_tokenizer, pixels)
    is_hidden, share = hide(token_ids, config)
    start = token_ids.masked_fill(is_hidden, mask_id(system))[sources_of]
    noise = EditNoise(how.generator, share[sources_of].to(start.device))
    steps_before = _steps_before(config, strength)
    trace, token_ids = None, start
    if steps_before < config.num_steps:
        trace = _filled(system, asked, start, steps_before, noise)
        token_ids = trace.token_ids[-1]
    elif (token_ids == mask_id(system)).any():
        raise UserError(
            f"strength={strength} leaves mode=upstream none of {config.num_steps} steps, and "
            f"tokens hidden: give {1 / config.num_steps:.2g} or more, or mode=exact"
        )
    images = to_images(decode_pixels(system.image_tokenizer, token_ids))
    everything = torch.ones((len(images), *size[::-1]), dtype=torch.bool)
    edited = Edited(images, is_hidden[sources_of].cpu(), everything)
    return Generation(images, token_ids, None, trace if how.record else None, asked.recipe, edited)


def _steps_before(config: SamplerConfig, strength: int | float) -> int:
    """Steps that are left out; what is left of strength x steps is cut to a whole number."""
    return config.num_steps - int(config.num_steps * strength)


def _filled(
    system: System, asked: Asked, start: Tensor, steps_before: int, noise: EditNoise
) -> Trace:
    flat = start.flatten(1)  # (batch, seq)
    is_masked = flat == mask_id(system)
    nothing = torch.zeros(flat.shape, device=flat.device)
    is_given = torch.zeros_like(is_masked)  # the reference may hide any token again
    canvas = Canvas(flat, is_masked, is_given, nothing, nothing, tuple(start.shape[1:]))
    steps = resume(
        predict_for(system.transformer, asked.rows),
        canvas,
        steps_before,
        mask_id(system),
        asked.recipe.sampler,
        noise,
        system.transformer.config.codebook_size,
        asked.num_top,
    )
    return record(start, mask_id(system), steps)


def _whole_tokens(source: Source, system: System) -> Float[Tensor, "1 3 rows columns"]:
    """Sides cut to multiples of the image tokenizer's downscale by resizing, as it does."""
    unit = system.image_tokenizer.downscale
    width, height = (side - side % unit for side in source.size)
    if min(width, height) == 0:
        raise UserError(
            f"a picture of {source.size[0]}x{source.size[1]} pixels is smaller than one token of "
            f"{unit}: give a larger one"
        )
    image = Image.fromarray(np.ascontiguousarray(source.pixels[..., :3]))
    levels = np.asarray(image.resize((width, height), Image.LANCZOS))
    return torch.from_numpy(levels.copy()).permute(2, 0, 1)[None].float() / 255


def _shrunk(
    levels: UInt8[np.ndarray, "rows columns"], grid: tuple[int, int], system: System
) -> Bool[Tensor, "height width"]:
    unit = system.image_tokenizer.downscale
    if any(side % unit for side in grid):
        raise UserError(
            f"mode=upstream shrinks masks to multiples of {unit} tokens, and this picture has "
            f"{grid[0]}x{grid[1]}: give another size, or mode=exact"
        )
    return torch.from_numpy(np.asarray(Image.fromarray(levels).resize(grid, Image.LANCZOS)) >= HALF)
