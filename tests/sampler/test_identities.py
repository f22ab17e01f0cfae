"""Samplers that must agree with each other, and known sequences and laws."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Generator

from src.masking.schedule import mask_ratio
from src.sampler.config import EntropyBoundConfig, MomentConfig, RemaskConfig, SamplerConfig
from src.sampler.decode import decode
from src.sampler.guidance import Logits
from src.sampler.halton_order import halton_order
from src.sampler.one_picture import FOR_CHOICE, Seen
from src.sampler.plan import make_plan
from src.sampler.registry import find_rule
from src.sampler.seeded_noise import SeededNoise
from tests.sampler.conftest import CODES, MASK, ToyModel

GRIDS = [(side, side) for side in (8, 16, 24, 32, 48, 64, 96)]
OBLONG = [(1, 7), (16, 24), (24, 16), (5, 64), (33, 12)]


def run(start, seeds=(0,), model=None, **settings):
    config = SamplerConfig(**settings)
    model = ToyModel() if model is None else model
    return list(decode(model, start, MASK, config, SeededNoise(list(seeds)), CODES))


# Halton


@pytest.mark.parametrize(("height", "width"), GRIDS + OBLONG)
def test_the_halton_list_has_every_cell_once(height, width):
    """Trap T14: a fixed number of points falls short from 64 x 64 up."""
    assert sorted(halton_order(height, width)) == list(range(height * width))


def test_the_halton_list_begins_as_published():
    first = [divmod(cell, 16) for cell in halton_order(16, 16)[:6]]
    assert first == [(8, 5), (4, 10), (12, 1), (2, 7), (10, 12), (6, 3)]
    assert [divmod(cell, 32) for cell in halton_order(32, 32)[:3]] == [(16, 10), (8, 21), (24, 3)]


def test_no_cells_edge_is_rounded_across():
    """A third of 3, 9, 27 columns is a whole number; in floating point it may fall below it."""
    for width in (3, 9, 27, 81):
        column = halton_order(1, width)[0]
        assert column == width // 3


def test_halton_reveals_along_its_list_from_a_place_of_the_pictures_own(hidden):
    entries = set()
    for seed in range(8):
        steps = run(hidden(1, 4, 4), [seed], name="halton", num_steps=16, schedule="linear")
        masks = [torch.ones(1, 4, 4, dtype=torch.bool), *(step.is_masked for step in steps)]
        revealed = [
            int((before & ~after).flatten().nonzero().item()) for before, after in pairwise(masks)
        ]
        order = list(halton_order(4, 4))
        entry = order.index(revealed[0])
        assert revealed == order[entry:] + order[:entry]
        entries.add(entry)
    assert len(entries) > 3


def test_raster_order_is_row_by_row(hidden):
    steps = run(hidden(1, 3, 3), name="raster_order", num_steps=9, schedule="linear")
    for step in steps:
        assert step.is_masked.flatten().tolist() == [place >= step.step for place in range(9)]


def test_random_order_keeps_one_order_a_picture_and_another_for_the_next(hidden):
    fine = run(hidden(2, 4, 4), [0, 1], name="random_order", num_steps=16, schedule="linear")
    coarse = run(hidden(2, 4, 4), [0, 1], name="random_order", num_steps=4, schedule="linear")
    for index, step in enumerate(coarse, start=1):
        assert torch.equal(step.is_masked, fine[4 * index - 1].is_masked)
    assert not torch.equal(fine[7].is_masked[0], fine[7].is_masked[1])


# Entropy


def test_an_entropy_bound_of_0_is_one_token_a_step(hidden):
    bound = EntropyBoundConfig(bound=0.0)
    steps = run(hidden(2, 4, 4), [0, 1], name="entropy_bounded", num_steps=20, entropy_bound=bound)
    assert [step.num_masked.tolist() for step in steps[:17]] == [
        [max(15 - index, 0)] * 2 for index in range(17)
    ]
    assert [step.num_passes.tolist() for step in steps[16:]] == [[0, 0]] * 4


def test_no_more_is_revealed_at_once_than_the_bound_allows(hidden):
    """By hand: entropies of 0.5, 1, 2 and 3 nats; the sum less the largest is 0, 0.5, 1.5, 3.5."""
    table = torch.stack([_with_entropy(nats) for nats in (2.0, 0.5, 3.0, 1.0)])[None]
    for bound, kept in [(0.4, [1]), (0.6, [1, 3]), (1.6, [0, 1, 3]), (3.6, [0, 1, 2, 3])]:
        step = run(
            hidden(1, 2, 2),
            model=lambda *_: Logits(table, None),
            name="entropy_bounded",
            guidance_scale=1.0,
            entropy_bound=EntropyBoundConfig(bound=bound),
        )[0]
        assert (~step.is_masked).flatten().nonzero().flatten().tolist() == kept


def _with_entropy(nats: float) -> torch.Tensor:
    """Log-probabilities of CODES codes with that entropy: one likely code, found by bisection."""
    low, high = 0.0, 40.0
    for _ in range(100):
        boost = (low + high) / 2
        logits = torch.zeros(CODES, dtype=torch.float64)
        logits[3] = boost
        log_probs = logits.log_softmax(dim=0)
        if -(log_probs.exp() * log_probs).sum() > nats and nats < math.log(CODES):
            low = boost
        else:
            high = boost
    return log_probs.float()


# Remasking


@pytest.mark.parametrize("strategy", ["cap", "rescale", "confidence", "loop"])
def test_remasking_with_strength_0_is_the_plain_ancestral_step(hidden, strategy):
    remask = RemaskConfig(strategy=strategy, eta=0.0)
    if strategy == "loop":
        remask.loop_from = remask.loop_to = 0.0
    settings = {"name": "remask", "remask": remask, "num_steps": 9}
    steps = run(hidden(3, 5, 5), range(3), **settings)
    noise, is_masked = SeededNoise(range(3)), torch.ones(3, 25, dtype=torch.bool)
    for now, step in zip(make_plan(SamplerConfig(**settings)), steps, strict=True):
        chance = (
            now.ratio_before - now.ratio_after
        ) / now.ratio_before  # of a hidden one to settle
        for picture in range(3):
            coins = noise.draws(picture, now.step, torch.zeros(25)).uniform(FOR_CHOICE)
            is_masked[picture] &= coins >= chance
        assert torch.equal(step.is_masked.flatten(1), is_masked), now.step


@pytest.mark.parametrize(
    "remask",
    [
        RemaskConfig("cap", 0.3),
        RemaskConfig("rescale", 0.7),
        RemaskConfig("loop", 0.5, loop_from=0.3, loop_to=0.7),
    ],
)
def test_the_share_hidden_is_the_schedules_however_much_is_remasked(remask):
    """The marginals stay right for any strength: 400 pictures of 64 positions, ten steps."""
    batch = 400
    logits = torch.zeros(batch, 64, CODES)
    start = torch.full((batch, 8, 8), MASK)
    settings = {"name": "remask", "remask": remask, "num_steps": 10, "guidance_scale": 1.0}
    plan = make_plan(SamplerConfig(**settings))
    steps = run(start, range(batch), model=lambda *_: Logits(logits, None), **settings)
    hides_again = 0
    for now, before, after in zip(plan[1:], steps, steps[1:], strict=False):
        share = after.is_masked.double().mean().item()
        spread = (now.ratio_after * (1 - now.ratio_after) / (batch * 64)) ** 0.5
        assert share == pytest.approx(now.ratio_after, abs=4.5 * spread + 1e-12), now.step
        hides_again += int((after.is_masked & ~before.is_masked).sum())
    assert hides_again > 500


def test_remasking_by_confidence_hides_the_least_sure_one_again_about_once_a_step():
    """As published, without a strength: the expected number is the largest chance, at most 1."""
    settings = {"name": "remask", "remask": RemaskConfig("confidence"), "num_steps": 10}
    steps = run(torch.full((300, 4, 4), MASK), range(300), guidance_scale=1.0, **settings)
    expected, found, sure = 0.0, 0, []
    plan = make_plan(SamplerConfig(**settings))[1:-1]
    for now, before, after in zip(plan, steps, steps[1:], strict=False):
        largest = min(1.0, now.ratio_after / (1 - now.ratio_before))
        expected += largest * (~before.is_masked).flatten(1).any(dim=1).sum().item()
        again = after.is_masked & ~before.is_masked
        found += int(again.sum())
        stayed = ~after.is_masked & ~before.is_masked
        sure += [before.confidence[stayed].mean() - before.confidence[again].mean()]
    assert found == pytest.approx(expected, abs=4.5 * expected**0.5)
    assert torch.stack(sure).nanmean() > 0


def test_a_loop_holds_the_share_and_goes_on_behind_it():
    remask = RemaskConfig("loop", 0.5, loop_from=0.4, loop_to=0.8)
    plan = make_plan(SamplerConfig(name="remask", remask=remask, num_steps=10, schedule="linear"))
    held = [now.ratio_after for now in plan]
    assert held == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.6, 0.6, 0.6, 0.6, 0.3, 0.0])


# Moment


@pytest.mark.parametrize("batch", [10_000, pytest.param(200_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["moment", "confidence"])
def test_moment_and_published_sampler_agree_where_few_of_many_are_kept(name, batch):
    """One of 64 positions is kept, 8 codes, temperature 1.5: both follow p^b, b = 1 + 1/1.5."""
    codes, seq, temperature = 8, 64, 1.5
    table = 1.5 * torch.randn(seq, codes, generator=Generator().manual_seed(3))
    log_probs = table.log_softmax(dim=-1)
    law = ((1 + 1 / temperature) * log_probs.double()).exp().flatten().numpy()
    law = law / law.sum()
    rng = np.random.default_rng(1)
    floors = [_distance(rng.multinomial(batch, law), law) for _ in range(20)]
    kept = _kept(name, log_probs, temperature, batch)
    assert _distance(kept, law) < 1.2 * np.mean(floors)
    plain = log_probs.double().exp().flatten().numpy() / seq
    assert _distance(kept, plain) > 2 * np.mean(floors)  # the test can tell laws apart


def _distance(counts: np.ndarray, law: np.ndarray) -> float:
    """Total variation."""
    return np.abs(counts / counts.sum() - law).sum() / 2


def _kept(name: str, log_probs: torch.Tensor, temperature: float, batch: int) -> np.ndarray:
    """How often each code at each position is the one that a rule settles."""
    seq, codes = log_probs.shape
    everything = torch.ones(seq, dtype=torch.bool)
    zeros = torch.zeros(seq)
    positions = torch.arange(seq)
    seen = Seen(log_probs, positions, zeros.long(), everything, ~everything, zeros, (8, 8), seq)
    config = SamplerConfig(
        name=name, choice_temperature_start=temperature, choice_temperature_end=temperature
    )
    now = make_plan(config)[0]._replace(ratio_after=(seq - 1) / seq)
    noise, kept, rule = SeededNoise(range(batch)), np.zeros(seq * codes), find_rule(name)
    for picture in range(batch):
        choice = rule(seen, noise.draws(picture, 1, seen.token_ids), now)
        place = int((~choice.is_hidden).nonzero())
        kept[place * codes + int(choice.codes[place])] += 1
    return kept


def test_the_moments_two_knobs_are_apart(hidden):
    """Exponent 1 on the codes draws plain codes; a large one on positions takes the surest."""
    settings = {"num_steps": 16, "schedule": "linear", "guidance_scale": 1.0}
    sharp = MomentConfig(position_exponent=1e5, token_exponent=1.0)
    surest = run(hidden(1, 4, 4), name="moment", moment=sharp, **settings)[0]
    calm = {"choice_temperature_start": 0.0, "name": "max_probability"}
    by_probability = run(hidden(1, 4, 4), **calm, **settings)[0]
    assert torch.equal(surest.is_masked, by_probability.is_masked)
    assert torch.equal(surest.drawn_ids, by_probability.drawn_ids)  # plain draws, same numbers


# Laws


def test_guidance_laws_are_real_valued_and_end_at_the_scale():
    """Trap T12: a floored scale would climb in stairs."""
    for law in ("linear", "cosine"):
        plan = make_plan(SamplerConfig(guidance=law, guidance_scale=3.7, num_steps=8))
        scales = [now.guidance_scale for now in plan]
        assert scales[-1] == 3.7
        assert all(1 < a < b for a, b in pairwise(scales))
        assert not any(float(scale).is_integer() for scale in scales[:-1]), law
    quarter = make_plan(SamplerConfig(guidance="cosine", guidance_scale=3.0, num_steps=4))[0]
    assert quarter.guidance_scale == pytest.approx(1 + 2 * (1 - math.cos(math.pi / 4)) / 2)
    cubic = make_plan(
        SamplerConfig(guidance="linear", guidance_scale=9.0, guidance_power=3.0, num_steps=2)
    )[0]
    assert cubic.guidance_scale == pytest.approx(2.0)


def test_no_unconditional_pass_outside_the_interval(hidden):
    """Hidden shares before the four steps are 1, 3/4, 1/2 and 1/4."""
    model = ToyModel()
    steps = run(
        hidden(1, 4, 4),
        model=model,
        num_steps=4,
        schedule="linear",
        guidance_scale=3.0,
        guidance_from=0.75,
        guidance_to=0.5,
    )
    assert [need for _, _, need in model.calls] == [False, True, True, False]
    assert [step.num_passes.item() for step in steps] == [1, 2, 2, 1]


def test_an_interval_means_the_same_share_under_any_schedule():
    for schedule in ("cosine", "square_root", "cubic"):
        plan = make_plan(SamplerConfig(schedule=schedule, num_steps=20))
        model, start = ToyModel(), torch.full((1, 10, 10), MASK)
        run(start, model=model, schedule=schedule, num_steps=20, guidance_from=0.8, guidance_to=0.3)
        for now, (_, is_masked, need) in zip(plan, model.calls, strict=True):
            assert need == (0.3 <= is_masked.double().mean().item() <= 0.8), now.step


def test_temperatures_come_from_their_place_alone():
    """Trap T11: no step builds on the one before."""
    config = SamplerConfig(
        num_steps=5,
        choice_temperature_start=4.0,
        choice_temperature_end=0.0,
        choice_temperature_power=2.0,
        sampling_temperature=1.5,
        sampling_temperature_end=0.5,
    )
    plan = make_plan(config)
    assert [now.choice_temperature for now in plan] == pytest.approx([4, 2.25, 1, 0.25, 0])
    assert [now.sampling_temperature for now in plan] == pytest.approx([1.5, 1.25, 1, 0.75, 0.5])


def test_numbers_by_hand_win_over_the_laws():
    config = SamplerConfig(
        num_steps=2,
        guidance_scales=[1.0, 4.0],
        choice_temperatures=[3.0, 0.5],
        sampling_temperatures=[2.0, 0.7],
    )
    first, last = make_plan(config)
    assert (first.guidance_scale, last.guidance_scale) == (1.0, 4.0)
    assert (first.choice_temperature, last.choice_temperature) == (3.0, 0.5)
    assert (first.sampling_temperature, last.sampling_temperature) == (2.0, 0.7)


def test_a_hybrid_is_its_first_sampler_and_then_its_second(hidden):
    settings = {"num_steps": 8, "schedule": "linear"}
    hybrid = run(hidden(1, 4, 4), name="halton", then="entropy", then_after=0.5, **settings)
    first = run(hidden(1, 4, 4), name="halton", **settings)
    second = run(hidden(1, 4, 4), name="entropy", **settings)
    for index in range(4):
        assert torch.equal(hybrid[index].token_ids, first[index].token_ids)
    assert not torch.equal(hybrid[5].is_masked, first[5].is_masked)
    assert not torch.equal(hybrid[5].is_masked, second[5].is_masked)
    assert [now.rule for now in make_plan(SamplerConfig(name="halton", then="entropy"))] == (
        ["halton"] * 6 + ["entropy"] * 6
    )


@pytest.mark.parametrize(("share", "steps"), [(0.58, 50), (0.29, 100), (0.57, 100)])
def test_a_hybrid_turns_after_the_share_of_its_steps_however_that_is_rounded(share, steps):
    """0.58 x 50 falls below 29 in floating point."""
    config = SamplerConfig(name="halton", then="entropy", then_after=share, num_steps=steps)
    rules = [now.rule for now in make_plan(config)]
    assert rules.count("halton") == round(share * steps)


def test_the_ratio_of_a_plan_is_the_schedules():
    plan = make_plan(SamplerConfig(num_steps=7, schedule="exponential:3"))
    for now in plan[:-1]:
        progress = torch.tensor(now.step / 7, dtype=torch.float64)
        assert now.ratio_after == mask_ratio(progress, "exponential:3").item()
    assert (plan[0].ratio_before, plan[-1].ratio_after) == (1, 0)
