"""What every sampler keeps to, under every schedule, on any grid, batch and number of steps."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Generator

from src.masking.config import KNOWN_SCHEDULES
from src.sampler.config import (
    KNOWN_SAMPLERS,
    STRATEGIES,
    CorrectorConfig,
    EntropyBoundConfig,
    RemaskConfig,
    SamplerConfig,
)
from src.sampler.counts import exact_count
from src.sampler.decode import decode
from src.sampler.guidance import Logits
from src.sampler.plan import make_plan
from src.sampler.seeded_noise import SeededNoise
from tests.sampler.conftest import CODES, MASK, ToyModel

FIXED = [name for name in KNOWN_SAMPLERS if name not in ("entropy_bounded", "remask")]
# the type checks of the tests draw random numbers too
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")
quick = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


BOUND = EntropyBoundConfig()


def _bounds():
    proxies = st.sampled_from(["entropy", "max_probability", "margin"])
    return st.builds(EntropyBoundConfig, st.floats(0, 40), proxies)


def _remasks(strategies):
    return st.builds(RemaskConfig, st.sampled_from(strategies), st.none() | st.floats(0, 1))


def _correctors(counts):
    temperatures = st.floats(0, 2)
    some = [st.builds(CorrectorConfig, st.just(count), temperatures) for count in counts if count]
    return st.one_of(st.just(CorrectorConfig()), *some)


@st.composite
def decodings(draw, names=KNOWN_SAMPLERS, corrects=(0, 3), **fixed):
    """Settings, a start and seeds: small ones of all kinds."""
    num_steps = draw(st.integers(1, 14))
    schedule = draw(st.sampled_from(KNOWN_SCHEDULES))
    if schedule == "by_hand":
        shares = sorted(draw(st.lists(st.floats(0, 1), min_size=num_steps, max_size=num_steps)))
        schedule = "by_hand:" + "/".join(str(share) for share in [*shares[:0:-1], 0.0])
    name, then = draw(st.sampled_from(list(names))), draw(st.none() | st.sampled_from(list(names)))
    then = fixed.pop("then", then)
    strategies = STRATEGIES if then is None else [each for each in STRATEGIES if each != "loop"]
    config = SamplerConfig(
        name=name,
        then=then,
        then_after=draw(st.floats(0, 1)) if then else 0.5,
        num_steps=num_steps,
        schedule=schedule,
        guidance_scale=draw(st.sampled_from([0.0, 0.5, 1.0, 3.0])),
        guidance=draw(st.sampled_from(["constant", "linear", "cosine"])),
        guidance_from=draw(st.floats(0.5, 1)),
        guidance_to=draw(st.floats(0, 0.5)),
        stop_entropy=draw(st.none() | st.floats(0, 2.5)),
        choice_temperature_start=draw(st.sampled_from([0.0, 2.0, 50.0])),
        choice_temperature_end=draw(st.sampled_from([0.0, 1.0])),
        sampling_temperature=draw(st.sampled_from([0.0, 0.5, 1.0])),
        sampling_temperature_end=draw(st.none() | st.floats(0.1, 3)),
        entropy_bound=draw(_bounds()) if "entropy_bounded" in (name, then) else BOUND,
        remask=draw(_remasks(strategies)) if "remask" in (name, then) else RemaskConfig(),
        corrector=draw(_correctors(corrects)),
    )
    batch = draw(st.integers(1, 3))
    height, width = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    rng = Generator().manual_seed(draw(st.integers(0, 1000)))
    share_given = draw(st.sampled_from([0.0, 0.0, 0.4, 0.95, 1.0]))
    codes = torch.randint(CODES, (batch, height, width), generator=rng)
    is_given = torch.rand(batch, height, width, generator=rng) < share_given
    return replace(config, **fixed), torch.where(is_given, codes, MASK)


def run(config, start, seeds=None):
    seeds = range(len(start)) if seeds is None else seeds
    return list(decode(ToyModel(), start, MASK, config, SeededNoise(seeds), CODES, num_top=3))


@quick
@given(decodings())
def test_nothing_stays_hidden_and_all_are_codes(decoding):
    config, start = decoding
    steps = run(config, start)
    assert [step.step for step in steps] == list(range(1, config.num_steps + 1))
    assert not steps[-1].is_masked.any()
    for step in steps:
        assert ((step.token_ids == MASK) == step.is_masked).all()
        ids = step.drawn_ids  # hidden or not: a whole picture
        assert ((ids >= 0) & (ids < CODES)).all()


@quick
@given(decodings())
def test_what_was_given_never_changes(decoding):
    config, start = decoding
    is_given = start != MASK
    for step in run(config, start):
        assert torch.equal(step.token_ids[is_given], start[is_given])
        assert not step.is_masked[is_given].any()
        assert (step.confidence[is_given] == 0).all()


@quick
@given(decodings(names=[name for name in KNOWN_SAMPLERS if name != "remask"], corrects=(0,)))
def test_a_settled_token_changes_only_where_a_sampler_remasks(decoding):
    config, start = decoding
    for before, after in pairwise(run(config, start)):
        assert not (after.is_masked & ~before.is_masked).any()
        kept = ~before.is_masked
        assert torch.equal(after.token_ids[kept], before.token_ids[kept])
        assert torch.equal(after.confidence[kept], before.confidence[kept])


@quick
@given(decodings(names=["remask"], corrects=(0,), then=None))
def test_a_remasked_token_is_hidden_before_it_changes(decoding):
    config, start = decoding
    for before, after in pairwise(run(config, start)):
        is_kept = ~before.is_masked & ~after.is_masked
        assert torch.equal(after.token_ids[is_kept], before.token_ids[is_kept])


@quick
@given(decodings(names=FIXED, stop_entropy=None))
def test_fixed_counts_are_the_schedules_exactly(decoding):
    config, start = decoding
    num_hidden = (start == MASK).flatten(1).sum(dim=1).tolist()
    now_hidden = list(num_hidden)
    for plan, step in zip(make_plan(config), run(config, start), strict=True):
        for picture, at_start in enumerate(num_hidden):
            wanted = 0
            if not plan.is_last:
                wanted = exact_count(at_start, now_hidden[picture], plan.ratio_after)
            assert step.num_scheduled[picture] == step.num_masked[picture] == wanted
            now_hidden[picture] = wanted


@quick
@given(decodings(names=["entropy_bounded"], then=None))
def test_an_adaptive_sampler_settles_at_least_one_a_step_until_it_is_done(decoding):
    config, start = decoding
    before = (start == MASK).flatten(1).sum(dim=1)
    for step in run(config, start):
        assert ((step.num_masked < before) | (before == 0)).all()
        before = step.num_masked


def tensors_of(step):
    """All that a step yields beside its number."""
    margin = () if step.corrector_margin is None else (step.corrector_margin,)
    return (*step[1:-2], *margin, *(step.opinion or ()))


@quick
@given(decodings(), st.randoms(use_true_random=False))
def test_a_picture_is_the_same_in_any_batch(decoding, random):
    config, start = decoding
    together = run(config, start)
    order = list(range(len(start)))
    random.shuffle(order)
    for picture in order:
        alone = run(config, start[picture : picture + 1], [picture])
        for step, mine in zip(together, alone, strict=True):
            for field, own in zip(tensors_of(step), tensors_of(mine), strict=True):
                assert torch.equal(field[picture], own[0])


@quick
@given(decodings())
def test_recording_what_the_model_thinks_changes_nothing(decoding):
    config, start = decoding
    seeds = SeededNoise(range(len(start)))
    silent = decode(ToyModel(), start, MASK, config, seeds, CODES)
    for step, mine in zip(run(config, start), silent, strict=True):
        assert mine.opinion is None
        pairs = zip(tensors_of(step._replace(opinion=None)), tensors_of(mine), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("name", ["entropy_bounded", "remask"])
def test_a_finished_picture_stays_as_it_is_while_others_of_its_batch_are_not(name):
    """Two pictures that need unequal numbers of steps, each corrected after every one."""
    settings = {"name": name, "num_steps": 14, "corrector": CorrectorConfig(3)}
    if name == "entropy_bounded":
        settings["entropy_bound"] = EntropyBoundConfig(1.0)
    else:
        settings["schedule"] = "square_root"
    config = SamplerConfig(**settings)
    start = torch.full((2, 4, 4), MASK)
    start[1].view(-1)[:14] = torch.arange(14) % CODES  # two are hidden
    unequal = 0
    for seed in range(20):
        together = run(config, start, [seed, seed])
        for picture in (0, 1):
            alone = run(config, start[picture : picture + 1], [seed])
            assert torch.equal(together[-1].token_ids[picture], alone[-1].token_ids[0])
            assert [int(step.num_passes[picture]) for step in together] == [
                int(step.num_passes[0]) for step in alone
            ]
        unequal += any(step.is_masked[0].any() and not step.is_masked[1].any() for step in together)
    assert unequal > 10


@quick
@given(decodings())
def test_passes_are_counted_as_the_model_was_asked(decoding):
    """Alone, a picture's passes are the model's calls, twice where the prompt is compared."""
    config, start = decoding
    model = ToyModel()
    steps = list(decode(model, start[:1], MASK, config, SeededNoise([0]), CODES))
    guided = [2 if need else 1 for _, _, need in model.calls]
    assert sum(int(step.num_passes) for step in steps) == sum(guided)
    if not config.corrector.num_positions:
        assert [int(step.num_passes) for step in steps if step.num_passes.any()] == guided


def test_the_first_count_of_the_ancestral_sampler_is_binomial():
    """64 positions, a quarter hidden after step 1: mean 48 settled, variance 64 x 3/16 = 12."""
    config = SamplerConfig(
        name="remask", schedule="by_hand:0.25/0", num_steps=2, guidance_scale=1.0
    )
    start = torch.full((2000, 8, 8), MASK)
    model = ToyModel(spread=0.1)
    logits = model.logits(start[:1], prompt=1).expand(2000, 64, CODES)
    first = next(
        decode(
            lambda *_: Logits(logits, None),
            start,
            MASK,
            config,
            SeededNoise(range(2000)),
        )
    )
    settled = 64 - first.num_masked.double()
    assert settled.mean().item() == pytest.approx(48, abs=4 * (12 / 2000) ** 0.5)
    assert settled.var().item() == pytest.approx(12, rel=0.15)
