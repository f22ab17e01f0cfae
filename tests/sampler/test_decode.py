"""The confidence sampler: what every decoding of it keeps to, in both modes of randomness."""

from itertools import pairwise

import pytest
import torch
from torch import Generator

from src.errors import UserError
from src.sampler.choices import Canvas
from src.sampler.config import SamplerConfig
from src.sampler.decode import decode, resume
from src.sampler.generator_noise import GeneratorNoise
from src.sampler.guidance import Logits
from src.sampler.seeded_noise import SeededNoise

CODES, MASK = 20, 24
SEEDED = [253, 247, 236, 221, 203, 181, 155, 128, 97, 66, 33, 0]
UPSTREAM = [253, 247, 236, 221, 203, 181, 155, 127, 97, 66, 33, 0]
SEEDED_1024 = [1015, 989, 946, 886, 812, 724, 623, 512, 391, 265, 133, 0]


def seeded(batch: int, first: int = 0) -> SeededNoise:
    return SeededNoise(range(first, first + batch))


def streamed(batch: int) -> GeneratorNoise:
    return GeneratorNoise(Generator().manual_seed(0))


def always(logits):
    """A model that says the same at every step, with or without a prompt."""
    return lambda token_ids, is_masked, need_unconditional: Logits(logits, None)


def run(model, start, noise, **settings):
    return list(decode(model, start, MASK, SamplerConfig(**settings), noise, CODES))


both_modes = pytest.mark.parametrize("noise_for", [seeded, streamed])


# The five claims


@both_modes
@pytest.mark.parametrize("num_steps", [1, 2, 5, 12, 40])
def test_it_ends_with_nothing_hidden(toy_model, hidden, noise_for, num_steps):
    steps = run(toy_model(), hidden(2, 4, 6), noise_for(2), num_steps=num_steps)
    assert [step.step for step in steps] == list(range(1, num_steps + 1))
    assert not steps[-1].is_masked.any()
    assert (steps[-1].token_ids < CODES).all()
    assert torch.equal(steps[-1].token_ids, steps[-1].drawn_ids)


@both_modes
def test_revealed_tokens_never_change(toy_model, hidden, noise_for):
    steps = run(toy_model(), hidden(3, 6, 6), noise_for(3), choice_temperature_start=4.0)
    for before, after in pairwise(steps):
        assert not (after.is_masked & ~before.is_masked).any()
        kept = ~before.is_masked
        assert torch.equal(after.token_ids[kept], before.token_ids[kept])
        assert torch.equal(after.confidence[kept], before.confidence[kept])


@both_modes
@pytest.mark.parametrize("num_given", [0, 1, 20, 34, 35, 36])
def test_given_tokens_are_kept_also_when_all_are_given(
    toy_model, hidden, noise_for, num_given, rng
):
    start = hidden(2, 6, 6)
    given = torch.randint(CODES, (2, num_given), generator=rng)
    start.view(2, 36)[:, :num_given] = given
    steps = run(toy_model(), start, noise_for(2))
    assert len(steps) == 12
    for step in steps:
        assert torch.equal(step.token_ids.view(2, 36)[:, :num_given], given)
        assert not step.is_masked.view(2, 36)[:, :num_given].any()
        assert (step.confidence.view(2, 36)[:, :num_given] == 0).all()
    assert not steps[-1].is_masked.any()


def test_given_tokens_are_kept_where_a_float16_gumbel_number_is_minus_infinity(hidden):
    """Upstream's rule would hide them again; that a picture's given part stays comes first."""
    start = hidden(4, 32, 32)
    start[:, 4:] = 3
    logits = torch.randn(4, 1024, CODES, generator=Generator().manual_seed(0)).half()
    for step in run(always(logits), start, streamed(4), guidance_scale=1.0):
        assert (step.token_ids[:, 4:] == 3).all()


@both_modes
def test_the_most_confident_are_revealed_first(toy_model, hidden, noise_for):
    calm = {"choice_temperature_start": 0.0, "choice_temperature_end": 0.0}
    steps = run(toy_model(), hidden(3, 6, 6), noise_for(3), **calm)
    was_hidden = torch.ones(3, 6, 6, dtype=torch.bool)
    for step in steps[:-1]:
        for picture in range(3):
            revealed = was_hidden[picture] & ~step.is_masked[picture]
            confidence = step.confidence[picture]
            assert confidence[revealed].min() >= confidence[step.is_masked[picture]].max()
        was_hidden = step.is_masked


@pytest.mark.parametrize("choice_temperature", [0.0, 2.0, 1e6])
def test_the_schedule_sets_how_many_stay_hidden_however_noisy_the_choice(
    toy_model, hidden, choice_temperature
):
    noisy = {
        "choice_temperature_start": choice_temperature,
        "choice_temperature_end": choice_temperature,
    }
    for step, expected in zip(
        run(toy_model(), hidden(2, 16, 16), seeded(2), **noisy), SEEDED, strict=True
    ):
        assert step.num_masked.tolist() == step.num_scheduled.tolist() == [expected] * 2
        assert step.is_masked.sum(dim=(1, 2)).tolist() == [expected] * 2


# Counts, exactly


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("choice_temperature", [0.0, 2.0])
def test_equal_logits_in_any_precision_leave_exact_counts(hidden, dtype, choice_temperature):
    """Ties: with a threshold instead of ranks, float16 leaves 0 or all (trap T13)."""
    equal = always(torch.zeros(2, 256, CODES, dtype=dtype))
    steps = run(
        equal,
        hidden(2, 16, 16),
        seeded(2),
        guidance_scale=1.0,
        choice_temperature_start=choice_temperature,
    )
    assert [step.num_masked.tolist() for step in steps] == [[count] * 2 for count in SEEDED]


def test_among_equals_the_first_positions_wait(hidden):
    equal = always(torch.zeros(1, 16, CODES))
    calm = {"choice_temperature_start": 0.0, "guidance_scale": 1.0, "num_steps": 3}
    first = run(equal, hidden(1, 4, 4), seeded(1), **calm)[0]
    assert first.is_masked.flatten().tolist() == [True] * 13 + [False] * 3


def test_a_grid_of_1024_keeps_512_after_step_8(hidden):
    equal = always(torch.zeros(1, 1024, CODES))
    steps = run(equal, hidden(1, 32, 32), seeded(1), guidance_scale=1.0)
    assert [step.num_masked.item() for step in steps] == SEEDED_1024


@pytest.mark.parametrize(("side", "after_step_8"), [(16, 127), (32, 511)])
def test_a_generator_leaves_upstreams_count_of_step_8(toy_model, hidden, side, after_step_8):
    steps = run(toy_model(), hidden(1, side, side), streamed(1))
    assert steps[7].num_scheduled.item() == steps[7].num_masked.item() == after_step_8
    if side == 16:
        assert [step.num_masked.item() for step in steps] == UPSTREAM


@both_modes
def test_with_more_steps_than_tokens_the_last_one_waits_for_the_last_step(
    toy_model, hidden, noise_for
):
    steps = run(toy_model(), hidden(1, 2, 2), noise_for(1), num_steps=9)
    assert [step.num_masked.item() for step in steps] == [3, 2, 1, 1, 1, 1, 1, 1, 0]


def test_each_picture_counts_from_what_it_had_hidden(toy_model, hidden):
    start = hidden(3, 4, 4)
    start.view(3, 16)[1, :8] = 3
    start.view(3, 16)[2] = 3
    steps = run(toy_model(), start, seeded(3), num_steps=4)
    scheduled = torch.stack([step.num_scheduled for step in steps])
    assert scheduled.T.tolist() == [[14, 11, 6, 0], [7, 5, 3, 0], [0, 0, 0, 0]]


# The batch


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_seed_gives_the_same_picture_in_any_company_and_order(toy_model, hidden, dtype):
    def decoded(seeds):
        start, noise = hidden(len(seeds), 5, 7), SeededNoise(seeds)
        last = run(toy_model(0.5, dtype), start, noise, guidance_scale=1.5)[-1]
        return dict(zip(seeds, zip(last.token_ids, last.confidence, strict=True), strict=True))

    together = decoded(list(range(9)))
    for company in ([4], [8, 4], [7, 1, 4, 0, 2], [8, 7, 6, 5, 4, 3, 2, 1, 0]):
        for seed, (token_ids, confidence) in decoded(company).items():
            assert torch.equal(token_ids, together[seed][0])
            assert torch.equal(confidence, together[seed][1])
    assert (together[0][0] != together[1][0]).float().mean() > 0.5


def test_differently_given_neighbours_change_nothing(toy_model, hidden, rng):
    start = hidden(4, 5, 5)
    is_given = (
        torch.rand(4, 5, 5, generator=rng) < torch.tensor([0.1, 0.5, 0.9, 1.0])[:, None, None]
    )
    start[is_given] = torch.randint(CODES, (int(is_given.sum()),), generator=rng)
    together = run(toy_model(0.5), start, seeded(4), guidance_scale=1.5)[-1].token_ids
    for picture in range(4):
        noise = seeded(1, first=picture)
        alone = run(toy_model(0.5), start[picture : picture + 1], noise, guidance_scale=1.5)[-1]
        assert torch.equal(alone.token_ids[0], together[picture])


def test_a_changed_position_leaves_the_others_their_random_numbers(hidden):
    """Position 0 prefers another code; with independent positions nothing else may change."""
    logits = torch.randn(1, 36, CODES, generator=Generator().manual_seed(2))
    changed = logits.clone()
    changed[0, 0] = changed[0, 0].roll(5)
    calm = {"guidance_scale": 1.0, "num_steps": 1}
    one = run(always(logits), hidden(1, 6, 6), seeded(1), **calm)[-1]
    two = run(always(changed), hidden(1, 6, 6), seeded(1), **calm)[-1]
    assert torch.equal(one.token_ids.flatten()[1:], two.token_ids.flatten()[1:])


# What is drawn, and how sure the model was


@both_modes
@pytest.mark.parametrize("sampling_temperature", [1.0, 0.3])
def test_confidence_is_the_log_probability_of_the_drawn_code_without_noise(
    toy_model, hidden, noise_for, sampling_temperature
):
    model = toy_model()
    noisy = {"choice_temperature_start": 50.0, "guidance_scale": 3.0}
    steps = run(
        model, hidden(2, 4, 4), noise_for(2), sampling_temperature=sampling_temperature, **noisy
    )
    for step, (token_ids, is_masked, _) in zip(steps, model.calls, strict=True):
        with_prompt, without = (model.logits(token_ids, prompt).double() for prompt in (1, 0))
        table = (without + 3 * (with_prompt - without)).log_softmax(dim=-1).view(2, 4, 4, CODES)
        expected = table.gather(3, step.drawn_ids[..., None])[..., 0]
        assert step.confidence.dtype == torch.float32
        torch.testing.assert_close(
            step.confidence[is_masked].double(), expected[is_masked], atol=1e-5, rtol=1e-5
        )


@both_modes
def test_sampling_temperature_0_takes_the_best_code(toy_model, hidden, noise_for):
    model = toy_model()
    one_step = {"sampling_temperature": 0.0, "num_steps": 1, "guidance_scale": 1.0}
    step = run(model, hidden(2, 4, 4), noise_for(2), **one_step)[0]
    best = model.logits(hidden(2, 4, 4), prompt=1).argmax(dim=-1)
    assert torch.equal(step.token_ids.flatten(1), best)


@both_modes
def test_a_ruled_out_code_is_never_drawn(hidden, noise_for):
    logits = torch.full((2, 64, CODES), -torch.inf)
    logits[:, :, [3, 17]] = 0.0
    predict = always(logits)
    for step in run(predict, hidden(2, 8, 8), noise_for(2), guidance_scale=1.0):
        assert set(step.drawn_ids.unique().tolist()) == {3, 17}


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0, 10.0, 1e6])
def test_any_guidance_gives_codes_even_from_float16(toy_model, hidden, scale):
    steps = run(toy_model(dtype=torch.float16), hidden(2, 4, 4), seeded(2), guidance_scale=scale)
    assert steps[-1].token_ids.max() < CODES
    assert all(step.confidence.isfinite().all() for step in steps)


def test_the_model_sees_the_canvas_of_the_step_before(toy_model, hidden):
    model = toy_model()
    steps = run(model, hidden(2, 4, 4), seeded(2))
    for step, (token_ids, is_masked, _) in zip(steps, model.calls[1:], strict=False):
        assert torch.equal(token_ids, step.token_ids)
        assert torch.equal(is_masked, step.is_masked)
        assert ((token_ids == MASK) == is_masked).all()


# The iterator


def test_a_step_is_taken_only_when_asked_for(toy_model, hidden):
    model = toy_model()
    steps = decode(model, hidden(1, 4, 4), MASK, SamplerConfig(), seeded(1))
    assert len(model.calls) == 0
    next(steps)
    assert len(model.calls) == 1


def test_what_a_reader_does_to_a_step_does_not_reach_the_next(toy_model, hidden):
    untouched = run(toy_model(), hidden(2, 4, 4), seeded(2))
    spoilt = []
    steps = decode(toy_model(), hidden(2, 4, 4), MASK, SamplerConfig(), seeded(2), num_top=2)
    for step in steps:
        spoilt.append(step.token_ids.clone())
        for field in (*step[1:-2], *step.opinion):
            field.zero_()
    assert all(torch.equal(a.token_ids, b) for a, b in zip(untouched, spoilt, strict=True))


def test_the_start_is_left_as_it_was(toy_model, hidden):
    start = hidden(1, 4, 4)
    run(toy_model(), start, seeded(1))
    assert torch.equal(start, hidden(1, 4, 4))


def test_resuming_after_a_step_that_is_not_there_is_refused(toy_model, hidden):
    start = hidden(1, 4, 4).flatten(1)
    nothing = torch.zeros(start.shape)
    canvas = Canvas(start, start == MASK, start != MASK, nothing, nothing, (4, 4))
    config = SamplerConfig(num_steps=3)
    for after_step in (-1, 4, True):
        with pytest.raises(UserError, match=f"after_step={after_step} is impossible; give 0"):
            resume(toy_model(), canvas, after_step, MASK, config, seeded(1), CODES)
    for after_step in (0, 3):
        rest = list(resume(toy_model(), canvas, after_step, MASK, config, seeded(1), CODES))
        assert len(rest) == 3 - after_step
