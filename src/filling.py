"""From what a user asks for to filled grids of tokens: what drawing and editing share.

Dimensions: batch (all pictures), height, width (in tokens).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Int
from torch import Tensor

from src.conditioning.prompts import Prompts
from src.conditioning.regions import Regions
from src.conditioning.rows import Rows, rows_for
from src.conditioning.text import TextEncoder
from src.data.micro_cond import MicroCond
from src.errors import UserError, nearest, shown
from src.image_tokenizer.vqgan import VQGAN
from src.limits import whole
from src.part_names import SAMPLER, TEXT, as_part
from src.predicting import predict_for
from src.recipe import Recipe, RegionTold, recipe_of
from src.sampler.arguments import sampler_config
from src.sampler.opinion import check_num_top
from src.sampler.passes import Pass, decode_passes, passes_for
from src.sampler.size import check_size_fits, checked_side
from src.sampler.trace import Trace
from src.telling import Telling
from src.transformer.uvit import UViT


@runtime_checkable
class System(Protocol):
    """What can draw: the assembled `Amused`, or its parts."""

    transformer: UViT
    image_tokenizer: VQGAN
    text_encoder: TextEncoder
    mask_schedule: str
    guidance_scale: float
    pictures_per_pass: int


@dataclass(frozen=True)
class How:
    """How pictures are drawn; `Amused.generate` says what each of these means."""

    negative_prompts: Any = None
    num_steps: Any = 12
    guidance_scale: Any = None
    choice_temperature: Any = (2.0, 0.0)
    num_images_per_prompt: Any = 1
    seeds: Any = None
    generator: Any = None
    micro_cond: Any = None
    record: bool = True
    num_top: Any = 5
    negative_micro_cond: Any = None
    sampler: Any = "confidence"
    schedule: Any = None
    sampling_temperature: Any = 1.0
    progress: Any = None


class Asked(NamedTuple):
    """Everything that was asked for, checked; nothing is drawn yet."""

    rows: Rows
    recipe: Recipe
    passes: list[Pass]
    how: How

    @property
    def num_top(self) -> int | None:
        """Of the likeliest codes that the trace keeps; None = no opinions."""
        return self.how.num_top if self.how.record else None


def how_from(told: Mapping[str, Any], taken_by: str, own: Sequence[str] = ()) -> How:
    """The settings that were given by name; raises UserError for an unknown one.

    own: what else is taken, to be named in that sentence.
    """
    known = [field.name for field in fields(How)]
    for name in told:
        if name not in known:
            raise UserError(f"{taken_by} takes no '{name}'; {nearest(name, [*known, *own])}")
    return How(**told)


def ask(
    system: System,
    prompts: Prompts,
    size: tuple[int, int],
    how: How,
    schedule: str | None = None,
) -> Asked:
    """Encode the prompts and check everything; bad input is a UserError.

    size: width and height in pixels, of the pictures as the model draws them.
    schedule: where `how` names none; None = the checkpoint's own.
    """
    arguments = {
        "num_steps": how.num_steps,
        "guidance_scale": how.guidance_scale,
        "choice_temperature": how.choice_temperature,
        "sampling_temperature": how.sampling_temperature,
        "schedule": how.schedule,
    }
    check_num_top(how.num_top)
    if not isinstance(how.generator, torch.Generator | None):
        raise UserError(f"generator is {shown(how.generator)}: give a torch.Generator, or seeds")
    own = system.guidance_scale, schedule or system.mask_schedule
    is_upstreams = how.generator is not None
    config = sampler_config(how.sampler, arguments, *own, follows_upstream=is_upstreams)
    micro_cond = MicroCond.default(*size) if how.micro_cond is None else how.micro_cond
    negative = micro_cond if how.negative_micro_cond is None else how.negative_micro_cond
    with as_part(TEXT):
        rows = rows_for(
            system.text_encoder,
            prompts,
            how.negative_prompts,
            micro_cond,
            negative,
            how.num_images_per_prompt,
        )
    each_alone = system.pictures_per_pass
    whole("pictures_per_pass", each_alone, 1, 10**6)
    seeds, passes = passes_for(rows.num_pictures, how.seeds, how.generator, each_alone)
    recipe = recipe_of(prompts, how.negative_prompts, rows, seeds, config, size)
    return Asked(rows, recipe, passes, how)


def rows_from(encoder: TextEncoder, recipe: Recipe) -> Rows:
    """All that the transformer is told of a recipe's pictures; its prompts have to be texts."""
    regions = recipe.regions
    rows = rows_for(
        encoder,
        recipe.prompts if regions is None else [regions[0].prompt] * len(recipe.prompts),
        recipe.negative_prompts,
        recipe.micro_cond,
        recipe.negative_micro_cond,
        1,
    )
    return rows if regions is None else with_regions(encoder, rows, regions)


def with_regions(encoder: TextEncoder, rows: Rows, told: list[RegionTold]) -> Rows:
    """The same pictures, told other prompts in places."""
    first_of_all = [0] * rows.num_pictures
    texts = [encoder.encode([each.prompt]).rows(first_of_all) for each in told]
    shares = torch.tensor([each.shares for each in told])
    erased = torch.tensor([each.erased for each in told], dtype=torch.int64)
    return rows._replace(regions=Regions(texts, shares, erased))


def fill(system: System, asked: Asked, start_token_ids: Int[Tensor, "batch height width"]) -> Trace:
    """Draw every hidden token of a start; raises UserError where memory cannot hold the size."""
    recipe = asked.recipe
    num_codes, mask_token_id = system.transformer.config.codebook_size, mask_id(system)
    device = device_of(system)
    check_fits(system, asked)
    telling = Telling(system.transformer)
    with as_part(SAMPLER):
        return decode_passes(
            asked.passes,
            lambda pictures: predict_for(
                system.transformer,
                asked.rows.pick(pictures),
                telling,
                recipe.sampler.full_step_every,
            ),
            start_token_ids.to(device),
            mask_token_id,
            num_codes,
            recipe.sampler,
            asked.how.progress,
            asked.num_top,
        )


def check_fits(system: System, asked: Asked) -> None:
    """Refuse a size that memory cannot hold; raises UserError."""
    recipe, tokenizer = asked.recipe, system.image_tokenizer
    check_size_fits(
        (recipe.width, recipe.height),
        len(asked.passes[0].pictures),
        tokenizer.downscale,
        system.transformer.config.codebook_size,
        tokenizer.config.block_out_channels[0],
        str(device_of(system)),
    )


def all_hidden(system: System, asked: Asked) -> Int[Tensor, "batch height width"]:
    """The start of pictures that are drawn from nothing."""
    downscale = system.image_tokenizer.downscale
    lines, columns = asked.recipe.height // downscale, asked.recipe.width // downscale
    shape = (asked.rows.num_pictures, lines, columns)
    return torch.full(shape, mask_id(system), device=device_of(system))


def whole_size(system: System, width: Any, height: Any) -> tuple[int, int]:
    """Width and height in pixels, None standing for what the model was trained on.

    Raises UserError unless they make whole tokens, and whole pairs of them where these are halved.
    """
    downscale, transformer = system.image_tokenizer.downscale, system.transformer.config
    unit, own = token_unit(system), transformer.sample_size * downscale
    return (
        own if width is None else checked_side("width", width, unit),
        own if height is None else checked_side("height", height, unit),
    )


def token_unit(system: System) -> int:
    """Pixels that a side is made of: a token's, or those of two where tokens are halved."""
    return system.image_tokenizer.downscale * (2 if system.transformer.config.downsample else 1)


def mask_id(system: System) -> int:
    """The token id that stands for a hidden token."""
    return system.transformer.mask_token_id


def device_of(system: System) -> torch.device:
    """Where the transformer lies."""
    return system.transformer.logits_out.weight.device
