"""The two sources of randomness: what a seed fixes, and what the draws are distributed like."""

import math

import numpy as np
import pytest
import torch
from torch import Generator

from src.errors import UserError
from src.sampler.choices import Canvas, Counts
from src.sampler.config import SamplerConfig
from src.sampler.draw import draw_by_inversion
from src.sampler.generator_noise import GeneratorNoise
from src.sampler.model_pass import Guided
from src.sampler.one_picture import FOR_CHOICE, FOR_CODE, Seen, add_gumbel, keep_highest
from src.sampler.plan import make_plan
from src.sampler.seeded_noise import LARGEST_SEED, SeededNoise


def row(seed: int, step: int = 1, purpose: int = FOR_CODE, seq: int = 64) -> np.ndarray:
    return SeededNoise([seed]).uniforms(0, step, purpose, seq)


def source(mode: str, batch: int) -> SeededNoise | GeneratorNoise:
    if mode == "seeds":
        return SeededNoise(range(batch))
    return GeneratorNoise(Generator().manual_seed(0))


def canvas(is_masked: torch.Tensor) -> Canvas:
    """Nothing given, code 0 where something is settled."""
    zeros = torch.zeros(is_masked.shape)
    never = torch.zeros_like(is_masked)
    return Canvas(zeros.long(), is_masked, never, zeros, zeros, (1, is_masked.shape[1]))


def decided(noise, logits: torch.Tensor, now):
    """What is decided where everything is hidden and may be."""
    batch, seq, _ = logits.shape
    positions = torch.arange(seq).expand(batch, seq)
    counts = Counts([seq] * batch, [seq] * batch)
    everything = canvas(torch.ones(batch, seq, dtype=torch.bool))
    return noise.decide(everything, Guided(logits, logits, positions), counts, now)


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
    noise.uniforms(0, 9, FOR_CHOICE, 7)
    noise.uniforms(1, 2, FOR_CODE, 1000)
    assert np.array_equal(noise.uniforms(1, 4, FOR_CODE, 50), row(2, step=4, seq=50))
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
    (number,) = noise.uniforms(0, 1, FOR_CODE, 1)
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
    now = make_plan(SamplerConfig(sampling_temperature=temperature))[0]
    codes = decided(noise, guided, now).codes
    share = codes.flatten().bincount(minlength=4) / codes.numel()
    assert share.tolist() == pytest.approx((logits / temperature).softmax(0).tolist(), abs=0.015)


@pytest.mark.parametrize("temperature", [1e-30, 5e-324, 1e30])
def test_extreme_sampling_temperatures_stay_finite(temperature):
    log_probs = torch.tensor([[3.0, 90.0, 1.0]]).log_softmax(dim=-1)
    half = torch.tensor([0.5], dtype=torch.float64)
    assert draw_by_inversion(log_probs, half, temperature).item() == 1


def test_the_log_probability_is_that_of_the_guided_distribution():
    now = make_plan(SamplerConfig(sampling_temperature=0.1))[0]
    drawn = decided(SeededNoise([0]), torch.ones(1, 3, 5), now)
    assert drawn.log_probs[0].tolist() == pytest.approx([-math.log(5)] * 3)


# Which position

LOG_PROBS = torch.tensor([-1.0, -1.5, -3.0])
TWO_STAY = 2 / 3


def kept_share(mode: str, config: SamplerConfig, steps: list[int]) -> list[float]:
    """How often each of three positions is the one kept, in the last of `steps`."""
    batch = 4_000
    noise, plan = source(mode, batch), make_plan(config)
    for step in steps:
        now = plan[step - 1]._replace(ratio_after=TWO_STAY)
        hidden = chosen(noise, batch, now)
    return (~hidden).float().mean(dim=0).tolist()


def chosen(noise, batch, now):
    if isinstance(noise, GeneratorNoise):
        is_masked, two = torch.ones(batch, 3, dtype=torch.bool), torch.full((batch,), 2)
        return noise._stay_hidden(LOG_PROBS.expand(batch, 3).exp(), is_masked, two, now)
    seen = seen_of(LOG_PROBS)
    rows = [noise.draws(picture, now.step, seen.token_ids) for picture in range(batch)]
    choices = [
        keep_highest(seen.token_ids, add_gumbel(LOG_PROBS, seen, draws, now), seen, now)
        for draws in rows
    ]
    return torch.stack([choice.is_hidden for choice in choices])


def seen_of(log_probs: torch.Tensor, is_masked: torch.Tensor | None = None) -> Seen:
    seq = len(log_probs)
    masked = torch.ones(seq, dtype=torch.bool) if is_masked is None else is_masked
    zeros, positions = torch.zeros(seq), masked.nonzero()[:, 0]
    table = torch.zeros(len(positions), 5).log_softmax(dim=-1)
    never = torch.zeros_like(masked)
    return Seen(table, positions, zeros.long(), masked, never, zeros, (1, seq), seq)


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


def test_the_choice_is_made_among_hidden_positions_only():
    score = torch.tensor([-1.0, -2.0, -3.0])  # of the hidden ones
    is_masked = torch.tensor([False, True, True, True])
    now = make_plan(SamplerConfig())[0]._replace(ratio_after=0.5)
    choice = keep_highest(torch.zeros(3).long(), score, seen_of(torch.zeros(4), is_masked), now)
    assert choice.is_hidden.tolist() == [False, False, True, True]
    assert choice.num_scheduled == 2
