"""Our GeneratorNoise and diffusers' AmusedScheduler make the same choices, bit for bit."""

import pytest
import torch
from diffusers import AmusedScheduler
from torch import Generator, Tensor

from src.sampler.config import SamplerConfig
from src.sampler.decode import decode
from src.sampler.generator_noise import GeneratorNoise
from src.sampler.guidance import Logits


def random_logits(shape: tuple, spread: float, dtype: torch.dtype, seed: int, num_steps: int):
    """One (batch, codes, height, width) tensor a step, the same for both libraries."""
    batch, height, width, codes = shape
    rng = Generator().manual_seed(seed)
    return [
        (spread * torch.randn(batch, codes, height, width, generator=rng)).to(dtype)
        for _ in range(num_steps)
    ]


def upstream_steps(
    logits: list[Tensor], start: Tensor, mask_token_id: int, config: SamplerConfig, seed: int
) -> list[Tensor]:
    scheduler = AmusedScheduler(mask_token_id=mask_token_id, masking_schedule=config.schedule)
    temperature = (config.choice_temperature_start, config.choice_temperature_end)
    scheduler.set_timesteps(config.num_steps, temperature)
    starting_ratio = (start[0] == mask_token_id).sum() / start[0].numel()
    generator, sample, samples = Generator().manual_seed(seed), start, []
    for timestep, output in zip(scheduler.timesteps, logits, strict=True):
        sample = scheduler.step(output, timestep, sample, starting_ratio, generator).prev_sample
        samples.append(sample)
    return samples


def our_steps(
    logits: list[Tensor], start: Tensor, mask_token_id: int, config: SamplerConfig, seed: int
) -> list[Tensor]:
    remaining = iter(logits)

    def predict(token_ids, is_masked, need_unconditional):
        return Logits(next(remaining).flatten(2).transpose(1, 2), None)

    noise = GeneratorNoise(Generator().manual_seed(seed))
    return [step.token_ids for step in decode(predict, start, mask_token_id, config, noise)]


def assert_same_steps(logits, start, mask_token_id, config, seed=0):
    ours = our_steps(logits, start, mask_token_id, config, seed)
    upstream = upstream_steps(logits, start, mask_token_id, config, seed)
    assert len(ours) == len(upstream) == config.num_steps
    for step, (mine, theirs) in enumerate(zip(ours, upstream, strict=True), start=1):
        assert torch.equal(mine, theirs), f"step {step}"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    ("shape", "num_steps"),
    [((1, 4, 4, 16), 12), ((3, 8, 8, 300), 5), ((2, 3, 7, 33), 7), ((2, 16, 16, 64), 12)],
)
@pytest.mark.parametrize("temperature", [(2.0, 0.0), (0.0, 0.0), (4.5, 1.5)])
def test_token_ids_are_upstreams_at_every_step(dtype, shape, num_steps, temperature):
    batch, height, width, codes = shape
    config = SamplerConfig(
        num_steps=num_steps,
        guidance_scale=1.0,
        choice_temperature_start=temperature[0],
        choice_temperature_end=temperature[1],
    )
    for seed in range(3):
        logits = random_logits(shape, 3.0, dtype, seed, num_steps)
        start = torch.full((batch, height, width), codes)
        assert_same_steps(logits, start, codes, config, seed)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_equal_logits_end_in_upstreams_ties(dtype):
    config = SamplerConfig(guidance_scale=1.0)
    for spread in (0.0, 0.01):
        logits = random_logits((2, 16, 16, 32), spread, dtype, 1, 12)
        assert_same_steps(logits, torch.full((2, 16, 16), 32), 32, config)


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
@pytest.mark.parametrize("num_steps", [1, 2, 3, 9, 12, 40])
def test_every_number_of_steps_leaves_upstreams_counts(schedule, num_steps):
    config = SamplerConfig(num_steps=num_steps, schedule=schedule, guidance_scale=1.0)
    logits = random_logits((2, 5, 5, 8), 2.0, torch.float32, 2, num_steps)
    assert_same_steps(logits, torch.full((2, 5, 5), 8), 8, config)


@pytest.mark.parametrize("num_hidden", [1, 2, 17, 63])
def test_a_partly_known_start_goes_upstreams_way(num_hidden, rng):
    codes, config = 40, SamplerConfig(num_steps=8, guidance_scale=1.0)
    start = torch.randint(codes, (3, 8, 8), generator=rng)
    start.view(3, -1)[:, :num_hidden] = codes
    logits = random_logits((3, 8, 8, codes), 2.0, torch.float32, 3, config.num_steps)
    assert_same_steps(logits, start, codes, config)


@pytest.mark.parametrize("scale", [1.5, 10.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_guidance_rounds_as_upstreams_pipeline_does(scale, dtype):
    config = SamplerConfig(guidance_scale=scale)
    shape, start = (2, 8, 8, 50), torch.full((2, 8, 8), 50)
    conditional = random_logits(shape, 1.0, dtype, 4, config.num_steps)
    unconditional = random_logits(shape, 1.0, dtype, 5, config.num_steps)
    guided = [u + scale * (c - u) for c, u in zip(conditional, unconditional, strict=True)]
    remaining = iter(zip(conditional, unconditional, strict=True))

    def predict(token_ids, is_masked, need_unconditional):
        assert need_unconditional
        return Logits(*(branch.flatten(2).transpose(1, 2) for branch in next(remaining)))

    noise = GeneratorNoise(Generator().manual_seed(6))
    ours = [step.token_ids for step in decode(predict, start, 50, config, noise)]
    for mine, theirs in zip(ours, upstream_steps(guided, start, 50, config, 6), strict=True):
        assert torch.equal(mine, theirs)


def test_the_generator_is_left_where_upstream_leaves_it():
    config, start = SamplerConfig(guidance_scale=1.0), torch.full((2, 6, 6), 20)
    logits = random_logits((2, 6, 6, 20), 1.0, torch.float32, 7, config.num_steps)
    remaining = iter(logits)
    ours, theirs = Generator().manual_seed(8), Generator().manual_seed(8)
    scheduler = AmusedScheduler(mask_token_id=20)
    scheduler.set_timesteps(config.num_steps)
    sample = start
    for timestep, output in zip(scheduler.timesteps, logits, strict=True):
        sample = scheduler.step(output, timestep, sample, generator=theirs).prev_sample

    def predict(token_ids, is_masked, need_unconditional):
        return Logits(next(remaining).flatten(2).transpose(1, 2), None)

    list(decode(predict, start, 20, config, GeneratorNoise(ours)))
    assert torch.equal(ours.get_state(), theirs.get_state())
