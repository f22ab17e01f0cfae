"""What a generation has to compute, from the prompt to the pixels.

Counted once are: each text, what the U-ViT makes of it, and in the first step, where all is hidden,
one picture of each prompt and one of the other side of guidance. Logits are counted where a token
is hidden, and of cells that look alike one, of as many kinds as there can be: where known tokens
stand close together there are fewer.
"""

import math
from typing import Any

from src.image_tokenizer.config import ImageTokenizerConfig
from src.sampler.config import SamplerConfig
from src.sampler.counts import ROUNDING
from src.sampler.guidance import guidance_of_counts, needs_unconditional
from src.sampler.plan import make_plan
from src.speed.uvit_work import KINDS, step_work, told_work
from src.speed.work import Work, attention, convolution, linear, together
from src.transformer.alike import num_kinds
from src.transformer.config import TransformerConfig

TEXT, TOLD, DECODER = "text encoder", "told once", "decoder"
OF_DOUBLED = 4, 9  # of a 3x3 window's places, those that differ where every pixel stands 2x2 times


def generation_work(
    system: Any, sampler: SamplerConfig, grid: tuple[int, int], num_pictures: int, num_prompts: int
) -> dict[str, list[Work]]:
    """By kind: the text encoder, what is told once, the U-ViT's `KINDS`, the decoder.

    system: an `Amused`. sampler: its settings, with guidance and schedule named. grid: tokens.
    """
    words, config = system.text_encoder.window, system.transformer.config
    passes, num_told = uvit_passes(config, sampler, grid, words, num_pictures, num_prompts)
    decoder = decoder_work(system.image_tokenizer.config, grid)
    return {
        TEXT: text_work(system.text_encoder.clip.config, words, num_told),
        TOLD: [told_work(config, num_told, words)],
        **{kind: [each[kind] for each in passes] for kind in KINDS},
        DECODER: decoder * num_pictures,
    }


def uvit_passes(
    config: TransformerConfig,
    sampler: SamplerConfig,
    grid: tuple[int, int],
    words: int,
    num_pictures: int,
    num_prompts: int,
) -> tuple[list[dict[str, Work]], int]:
    """A pass for every step, by kind, and how many texts are told in all."""
    passes, is_ever_guided, num_tokens = [], False, grid[0] * grid[1]
    for plan in make_plan(sampler):
        num_hidden = math.floor(plan.ratio_before * num_tokens + ROUNDING)
        is_guided = needs_unconditional(guidance_of_counts(plan, [num_hidden], [num_tokens]))
        is_ever_guided |= is_guided
        rows = num_prompts + is_guided if plan.step == 1 else num_pictures * (1 + is_guided)
        num_asked = rows * num_hidden
        kinds = num_kinds(config, grid, num_tokens - num_hidden)
        passes.append(step_work(config, rows, grid, words, num_asked, kinds))
    return passes, num_prompts + is_ever_guided


def text_work(config: Any, words: int, num_texts: int) -> list[Work]:
    """A pass for every text. config: transformers' CLIPTextConfig."""
    dim, inner = config.hidden_size, config.intermediate_size
    layer = together(
        [
            linear(words, dim, dim).times(4),
            attention(1, words, words, dim),
            linear(words, dim, inner),
            linear(words, inner, dim),
        ]
    )
    whole = layer.times(config.num_hidden_layers).and_then(linear(1, dim, config.projection_dim))
    return [whole] * num_texts


def decoder_work(
    config: ImageTokenizerConfig, grid: tuple[int, int], is_doubling_merged: bool = True
) -> list[Work]:
    """Every convolution of one picture, one after the other.

    is_doubling_merged: whether a window over doubled pixels is counted as the four smaller windows
        that it amounts to, which is the less arithmetic.
    """
    widths, place = config.block_out_channels[::-1], grid[0] * grid[1]
    dim = config.vq_embed_dim or config.latent_channels
    works = [
        convolution(place, dim, config.latent_channels, 1),
        convolution(place, config.latent_channels, widths[0], 3),
        *[convolution(place, widths[0], widths[0], 3)] * 4,
    ]
    before = widths[0]
    for index, width in enumerate(widths):
        for _ in range(config.layers_per_block + 1):
            works += [convolution(place, before, width, 3), convolution(place, width, width, 3)]
            if before != width:
                works.append(convolution(place, before, width, 1))
            before = width
        if index < len(widths) - 1:
            place *= 4
            doubled = convolution(place, width, width, 3)
            if is_doubling_merged:
                some, of = OF_DOUBLED
                doubled = doubled._replace(flops=doubled.flops * some // of)
            works.append(doubled)
    return [*works, convolution(place, before, config.out_channels, 3)]
