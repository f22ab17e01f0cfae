"""The two sources of randomness: what a seed fixes, and what the draws are distributed like."""

import math

import numpy as np
import pytest
import torch
from torch import Generator

from src.errors import UserError
from src.sampler.choices import Drawn
from src.sampler.config import SamplerConfig
from src.sampler.noise import (
    FOR_CHOICE,
    FOR_CODE,
    LARGEST_SEED,
    GeneratorNoise,
    SeededNoise,
    draw_by_inversion,
)


def row(seed: int, step: int = 1, purpose: int = FOR_CODE, seq: int = 64) -> np.ndarray:
    return SeededNoise([seed]).uniforms(seq, step, purpose)[0]


def source(mode: str, batch: int) -> SeededNoise | GeneratorNoise:
    if mode == "seeds":
        return SeededNoise(range(batch))
    return GeneratorNoise(Generator().manual_seed(0))


# Seeds


def test_the_numbers_of_a_seed_are_these_for_ever():
    """Published pictures are named by their seed, so the stream may never change."""
    assert row(0, seq=3).tolist() == [0.21185954403345753, 0.21554582036140146, 0.7558994834676928]
    last = row(2**64 - 1, step=12, purpose=FOR_CHOICE, seq=2)
    assert last.tolist() == [0.824346110183824, 0.6899195036888107]


def test_seed_step_position_and_purpose_each_change_the_number():
    base = row(5, step=3)
    assert len(np.unique(base)) == 64
    for other in (row(6, step=3), row(5, step=4), row(5, step=3, purpose=FOR_CHOICE)):
        assert not np.intersect1d(base, other).size


def test_a_number_does_not_depend_on_what_was_drawn_before_or_beside_it():
    noise = SeededNoise([1, 2, 3])
    noise.uniforms(7, 9, FOR_CHOICE)
    noise.uniforms(1000, 2, FOR_CODE)
    assert np.array_equal(noise.uniforms(50, 4, FOR_CODE)[1], row(2, step=4, seq=50))
    assert np.array_equal(row(2, seq=50), row(2, seq=1024)[:50])


def test_the_numbers_are_uniform():
    numbers = np.concatenate([row(seed, seq=1000) for seed in range(100)])
    assert numbers.mean() == pytest.approx(0.5, abs=0.003)
    assert np.histogram(numbers, bins=10, range=(0, 1))[0] == pytest.approx(10_000, abs=400)


@pytest.mark.parametrize("bits", [0, 2**64 - 1])
def test_no_bits_make_a_number_0_or_1(bits):
    noise = SeededNoise([0])

    class Stuck(np.random.Philox):
        def random_raw(self, size):
            return np.full(size, bits, dtype=np.uint64)

    noise._generators = [Stuck(key=0)]
    (number,) = noise.uniforms(1, 1, FOR_CODE)[0]
    assert 0 < number < 1
    assert math.isfinite(-math.log(-math.log(number)))


@pytest.mark.parametrize("seed", [0, 1, 2**63, LARGEST_SEED, np.int64(7), np.uint64(2**63)])
def test_whole_numbers_of_64_bits_are_seeds(seed):
    assert np.array_equal(row(seed), row(int(seed)))


@pytest.mark.parametrize("seed", [-1, 2**64, 1.0, "3", None, True, np.True_, float("nan")])
def test_anything_else_is_refused_by_its_place(seed):
    with pytest.raises(UserError, match=r"seeds\[1\] is .* from 0 to 18446744073709551615"):
        SeededNoise([4, seed])


@pytest.mark.parametrize("generator", [[Generator(), Generator()], None, 5])
def test_a_generator_is_exactly_one(generator):
    with pytest.raises(UserError, match=r"give one torch\.Generator"):
        GeneratorNoise(generator)


# Which code


def test_inversion_takes_the_code_whose_stretch_holds_the_number():
    log_probs = torch.tensor([0.2, 0.0, 0.5, 0.3]).log().expand(5, 4)
    uniform = torch.tensor([1e-9, 0.19, 0.21, 0.69, 0.71], dtype=torch.float64)
    assert draw_by_inversion(log_probs, uniform, 1.0).tolist() == [0, 0, 2, 2, 3]


def test_the_ends_of_the_interval_never_reach_a_code_of_probability_0():
    log_probs = torch.tensor([-torch.inf, 0.0, -torch.inf]).expand(2, 3)
    uniform = torch.tensor([2.0**-53, 1 - 2.0**-53], dtype=torch.float64)
    assert draw_by_inversion(log_probs, uniform, 1.0).tolist() == [1, 1]


def test_the_last_code_of_8192_equals_can_be_drawn_and_nothing_beyond():
    log_probs = torch.zeros(1, 8192).log_softmax(dim=-1)
    almost_one = torch.tensor([1 - 2.0**-53], dtype=torch.float64)
    assert draw_by_inversion(log_probs, almost_one, 1.0).item() == 8191


def test_rare_codes_behind_a_likely_one_are_told_apart():
    """Each adds 1e-9 to a sum near 1, where float32 numbers lie 6e-8 apart."""
    log_probs = torch.full((1, 8001), 1e-9).log()
    log_probs[0, 0] = math.log(1 - 8e-6)
    summed = np.cumsum(log_probs[0].exp().numpy().astype(np.float64))
    for wanted in (1, 17, 4000, 8000):
        between = (summed[wanted - 1] + summed[wanted]) / 2 / summed[-1]
        uniform = torch.tensor([between], dtype=torch.float64)
        assert draw_by_inversion(log_probs, uniform, 1.0).item() == wanted


@pytest.mark.parametrize("mode", ["seeds", "generator"])
@pytest.mark.parametrize("temperature", [1.0, 0.5, 2.0])
def test_codes_are_drawn_as_often_as_the_tempered_softmax_says(mode, temperature):
    logits = torch.tensor([1.0, 0.0, -1.0, 2.0])
    guided = logits.expand(40, 500, 4)
    noise = (
        SeededNoise(range(40)) if mode == "seeds" else GeneratorNoise(Generator().manual_seed(0))
    )
    config = SamplerConfig(sampling_temperature=temperature)
    codes = noise.draw_codes(guided, torch.ones(40, 500, dtype=torch.bool), 1, config).codes
    share = codes.flatten().bincount(minlength=4) / codes.numel()
    assert share.tolist() == pytest.approx((logits / temperature).softmax(0).tolist(), abs=0.015)


@pytest.mark.parametrize("temperature", [1e-30, 5e-324, 1e30])
def test_extreme_sampling_temperatures_stay_finite(temperature):
    log_probs = torch.tensor([[3.0, 90.0, 1.0]]).log_softmax(dim=-1)
    half = torch.tensor([0.5], dtype=torch.float64)
    assert draw_by_inversion(log_probs, half, temperature).item() == 1


def test_known_positions_get_no_code_from_seeds():
    is_masked = torch.tensor([[True, False, True]])
    drawn = SeededNoise([0]).draw_codes(torch.zeros(1, 3, 5) + 1, is_masked, 1, SamplerConfig())
    assert drawn.log_probs[0].tolist() == pytest.approx([-math.log(5), 0.0, -math.log(5)])


# Which position

LOG_PROBS = torch.tensor([-1.0, -1.5, -3.0])


def drawn_with(log_probs: torch.Tensor) -> Drawn:
    return Drawn(torch.zeros_like(log_probs).long(), log_probs, log_probs.exp())


def kept_share(mode: str, config: SamplerConfig, steps: list[int]) -> list[float]:
    """How often each of three positions is the one kept, in the last of `steps`."""
    batch = 4_000
    noise, log_probs = source(mode, batch), LOG_PROBS.expand(batch, 3)
    is_masked, two = torch.ones(batch, 3, dtype=torch.bool), torch.full((batch,), 2)
    for step in steps:
        hidden = noise.choose_hidden(drawn_with(log_probs), is_masked, two, step, config)
    return (~hidden).float().mean(dim=0).tolist()


@pytest.mark.parametrize("mode", ["seeds", "generator"])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_choice_noise_is_gumbels(mode, temperature):
    """The largest of log p + T x Gumbel is distributed as softmax(log p / T)."""
    config = SamplerConfig(choice_temperature_start=temperature, choice_temperature_end=0.0)
    expected = (LOG_PROBS / temperature).softmax(dim=0).tolist()
    assert kept_share(mode, config, [1]) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("mode", ["seeds", "generator"])
def test_the_choice_temperature_of_a_step_comes_from_the_ends_alone(mode):
    """Step 7 of 13 lies halfway, whatever came before (trap T11: not compounded)."""
    config = SamplerConfig(num_steps=13, choice_temperature_start=3.0, choice_temperature_end=1.0)
    expected = (LOG_PROBS / 2.0).softmax(dim=0).tolist()
    assert kept_share(mode, config, [5, 6, 7]) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("mode", ["seeds", "generator"])
@pytest.mark.parametrize(("start", "end", "calm_step"), [(0.0, 1e3, 1), (1e3, 0.0, 12)])
def test_the_line_of_choice_temperatures_reaches_both_ends(mode, start, end, calm_step):
    """Where the temperature is 0 the surest position is always kept."""
    config = SamplerConfig(choice_temperature_start=start, choice_temperature_end=end)
    assert kept_share(mode, config, [calm_step]) == [1, 0, 0]


def test_the_choice_of_seeds_is_made_among_hidden_positions_only():
    log_probs = torch.tensor([[-9.0, -1.0, -2.0, -3.0]])
    is_masked = torch.tensor([[False, True, True, True]])
    calm = SamplerConfig(choice_temperature_start=0.0)
    hidden = SeededNoise([0]).choose_hidden(
        drawn_with(log_probs), is_masked, torch.tensor([2]), 1, calm
    )
    assert hidden.tolist() == [[False, False, True, True]]
