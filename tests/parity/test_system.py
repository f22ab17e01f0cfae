"""The whole system against diffusers' AmusedPipeline, which serves the tests only.

Every random configuration goes through a checkpoint in both directions: ours opened there, and what
they write opened here.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch

from src.amused import Amused

NUM_SYSTEMS = 20
PROMPTS = ["a small red heart", "two blue stars, above a sun", "a small red heart"]
OTHER_PROMPTS = ["an anchor", "two blue stars, above a sun", "snow"]
WORDS = ["a", "small", "red", "heart", "two", "blue", "stars", "above", "sun", ","]


class Sizes(NamedTuple):
    """What the parts of one system have to agree on."""

    heads: int
    block_heads: int
    text_heads: int
    pooled_dim: int
    encode_dim: int
    codes: int
    levels: int
    is_halved: bool


def random_settings(seed: int) -> dict:
    """Published settings of a small system, every size drawn."""
    rng = np.random.default_rng(seed)

    def pick(*values):
        return values[rng.integers(len(values))]

    sizes = Sizes(
        heads=pick(2, 3, 4),
        block_heads=pick(1, 2),
        text_heads=pick(2, 3),
        pooled_dim=pick(12, 16),
        encode_dim=pick(6, 8),
        codes=pick(30, 41, 64),
        levels=pick(2, 3),
        is_halved=pick(False, True),
    )
    return {
        "transformer": transformer_settings(sizes, pick),
        "vqvae": image_tokenizer_settings(sizes, pick),
        "text_encoder": text_encoder_settings(sizes, pick),
        "scheduler": {"masking_schedule": pick("cosine", "linear")},
        # one system in two has the grammar's tokenizer instead of the stand-in
        **({"tokenizer": {"words": WORDS}} if seed % 2 else {}),
    }


def transformer_settings(sizes: Sizes, pick: Callable) -> dict:
    return {
        "hidden_size": sizes.heads * 8,
        "num_hidden_layers": pick(1, 2, 3),
        "num_attention_heads": sizes.heads,
        "intermediate_size": pick(24, 40),
        "in_channels": pick(16, 20),
        "block_out_channels": 12 * sizes.block_heads,
        "num_res_blocks": pick(1, 2),
        "block_num_heads": sizes.block_heads,
        "downsample": sizes.is_halved,
        "upsample": sizes.is_halved,
        "codebook_size": sizes.codes,
        "vocab_size": sizes.codes + pick(1, 7),
        "sample_size": pick(4, 6),
        "encoder_hidden_size": 8 * sizes.text_heads,
        "cond_embed_dim": sizes.pooled_dim,
        "micro_cond_encode_dim": sizes.encode_dim,
        "micro_cond_embed_dim": 5 * sizes.encode_dim,
    }


def image_tokenizer_settings(sizes: Sizes, pick: Callable) -> dict:
    return {
        "block_out_channels": [8, 16, 16][: sizes.levels],
        "down_block_types": ["DownEncoderBlock2D"] * sizes.levels,
        "up_block_types": ["UpDecoderBlock2D"] * sizes.levels,
        "layers_per_block": pick(1, 2),
        "latent_channels": pick(4, 8),
        "num_vq_embeddings": sizes.codes,
        "norm_num_groups": 4,
        "sample_size": 8,
    }


def text_encoder_settings(sizes: Sizes, pick: Callable) -> dict:
    return {
        "vocab_size": 600,
        "hidden_size": 8 * sizes.text_heads,
        "intermediate_size": 40,
        "projection_dim": sizes.pooled_dim,
        "num_hidden_layers": pick(2, 3),
        "num_attention_heads": sizes.text_heads,
        "max_position_embeddings": pick(22, 24),
    }


def open_pipeline(path):
    from diffusers import AmusedPipeline

    pipeline = AmusedPipeline.from_pretrained(path)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def generate_there(pipeline, prompts, seed: int, **settings):
    """Token ids and pixels as diffusers makes them."""
    steps = []
    pixels = pipeline(
        prompts,
        generator=torch.Generator().manual_seed(seed),
        output_type="np",
        callback=lambda step, timestep, token_ids: steps.append(token_ids),
        **settings,
    ).images
    return steps[-1], torch.from_numpy(pixels)


def generate_here(system: Amused, prompts, seed: int, **settings):
    generation = system.generate(
        prompts, generator=torch.Generator().manual_seed(seed), record=False, **settings
    )
    pixels = np.stack([np.asarray(image) for image in generation.images])
    return generation.token_ids, torch.from_numpy(pixels) / 255


def assert_same(here, there) -> None:
    assert torch.equal(here[0], there[0])
    assert (here[1] - there[1]).abs().max() <= 1 / 255


def assert_text_agrees(system: Amused, pipeline, prompts) -> None:
    ids = pipeline.tokenizer(
        prompts,
        padding="max_length",
        truncation=True,
        max_length=pipeline.tokenizer.model_max_length,
        return_tensors="pt",
    ).input_ids
    with torch.no_grad():
        there = pipeline.text_encoder(ids, output_hidden_states=True)
    here = system.encode_prompts(prompts)
    for ours, theirs in (
        (here.text_states, there.hidden_states[-2]),
        (here.pooled_text, there.text_embeds),
    ):
        assert (ours - theirs).abs().max() <= 1e-4 * theirs.abs().max()


def assert_tokens_of_pictures_agree(system: Amused, pipeline, rng: torch.Generator) -> None:
    pixels = torch.rand(2, 3, system.height, system.width, generator=rng)
    with torch.no_grad():
        latents = pipeline.vqvae.encode(pixels).latents
        there = pipeline.vqvae.quantize(latents)[2][2]
    here = system.encode_images(pixels)
    assert torch.equal(here.flatten(), there.flatten())
    assert len(here.unique()) > 2


def guided_spread(system: Amused, guidance_scale: float = 10.0) -> float:
    """Standard deviation of the guided logits of the first step."""
    text, null = system.encode_prompts(PROMPTS[:1]), system.encode_prompts([""])
    side = system.transformer.config.sample_size
    hidden = torch.full((1, side, side), system.transformer.mask_token_id)
    micro = torch.tensor([[system.width, system.height, 0, 0, 6.0]])
    with torch.no_grad():
        conditional = system.transformer(hidden, text.text_states, text.pooled_text, micro)
        unconditional = system.transformer(hidden, null.text_states, null.pooled_text, micro)
    return (unconditional + guidance_scale * (conditional - unconditional)).std().item()


@pytest.fixture(scope="module", params=range(NUM_SYSTEMS))
def pair(request, tmp_path_factory):
    """A random system of ours, and the pipeline that diffusers makes of its checkpoint."""
    folder = tmp_path_factory.mktemp("ours") / "model"
    system = Amused.from_config(random_settings(request.param), seed=request.param)
    system.save_pretrained(folder)
    return system, open_pipeline(folder)


def test_the_comparison_can_fail_because_prompts_matter(pair):
    system, _ = pair
    assert guided_spread(system) >= 1
    first, _ = generate_here(system, PROMPTS, seed=0)
    other, _ = generate_here(system, OTHER_PROMPTS, seed=0)
    differs = (first != other).flatten(1).any(dim=1)
    assert differs[[0, 2]].any()  # other prompts, other tokens
    assert not differs[1]  # the same prompt, the same tokens
    assert len(first.unique()) > 2


def test_text_states_agree(pair):
    assert_text_agrees(*pair, PROMPTS)


def test_encoded_token_ids_are_identical(pair, rng):
    assert_tokens_of_pictures_agree(*pair, rng)


@pytest.mark.parametrize("guidance_scale", [10.0, 1.0, 0.5])
def test_generated_token_ids_are_identical_and_pictures_close(pair, guidance_scale):
    system, pipeline = pair
    here = generate_here(system, PROMPTS, 5, guidance_scale=guidance_scale)
    there = generate_there(pipeline, PROMPTS, 5, guidance_scale=guidance_scale)
    assert_same(here, there)


def test_negative_prompts_sizes_and_temperatures_agree(pair):
    system, pipeline = pair
    size = {"height": 2 * system.height, "width": system.width}
    here = generate_here(
        system,
        PROMPTS,
        6,
        num_steps=7,
        choice_temperature=(4.0, 1.0),
        negative_prompts="snow",
        **size,
    )
    there = generate_there(
        pipeline,
        PROMPTS,
        6,
        num_inference_steps=7,
        temperature=(4.0, 1.0),
        negative_prompt=["snow"] * len(PROMPTS),
        **size,
    )
    assert_same(here, there)


def test_a_checkpoint_written_by_diffusers_opens_here_unchanged(pair, tmp_path):
    system, pipeline = pair
    pipeline.save_pretrained(tmp_path)
    opened = Amused.from_pretrained(tmp_path)
    assert opened.weights_hash == system.weights_hash
    assert opened.mask_schedule == system.mask_schedule
    assert_same(generate_here(opened, PROMPTS, 7), generate_there(pipeline, PROMPTS, 7))


@pytest.mark.parametrize("variant", ["fp16", None])
def test_half_precision_files_open_in_both_libraries(tmp_path, variant):
    from diffusers import AmusedPipeline

    system = Amused.from_config(random_settings(0))
    system.save_pretrained(tmp_path / "whole")
    half = Amused.from_pretrained(tmp_path / "whole", dtype=torch.float16)
    half.save_pretrained(tmp_path / "half", variant=variant)
    pipeline = AmusedPipeline.from_pretrained(
        tmp_path / "half", variant=variant, torch_dtype=torch.float16
    )
    pipeline.set_progress_bar_config(disable=True)
    assert pipeline.transformer.dtype == torch.float16
    pipeline.save_pretrained(tmp_path / "theirs", variant=variant)
    back = Amused.from_pretrained(tmp_path / "theirs", variant=variant, dtype=torch.float16)
    assert back.generate("a red heart", seeds=0).token_ids.equal(
        half.generate("a red heart", seeds=0).token_ids
    )


@pytest.mark.verify
@pytest.mark.parametrize("size", ["amused_256", "amused_512"])
def test_the_full_size_system_agrees(size, tmp_path):
    system = Amused.from_config(size)
    assert guided_spread(system) >= 1
    system.save_pretrained(tmp_path / "ours")
    pipeline = open_pipeline(tmp_path / "ours")
    assert_text_agrees(system, pipeline, PROMPTS)
    there = generate_there(pipeline, PROMPTS[:1], 0)
    assert_same(generate_here(system, PROMPTS[:1], 0), there)
    other, _ = generate_here(system, OTHER_PROMPTS[:1], 0)
    assert not torch.equal(other, there[0])
    weights_hash = system.weights_hash
    del system  # one copy less in memory
    pipeline.save_pretrained(tmp_path / "theirs")
    opened = Amused.from_pretrained(tmp_path / "theirs")
    assert opened.weights_hash == weights_hash
    assert_same(generate_here(opened, PROMPTS[:1], 0), there)
    assert_tokens_of_pictures_agree(opened, pipeline, torch.Generator().manual_seed(0))
