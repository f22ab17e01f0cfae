"""What a model answers is checked before anything is drawn from it."""

import pytest
import torch
from torch import Generator

from src.errors import UserError
from src.sampler.config import SamplerConfig
from src.sampler.decode import decode
from src.sampler.generator_noise import GeneratorNoise
from src.sampler.guidance import Logits
from src.sampler.seeded_noise import SeededNoise

CODES, MASK = 20, 24


def seeded(batch: int) -> SeededNoise:
    return SeededNoise(range(batch))


def streamed(batch: int) -> GeneratorNoise:
    return GeneratorNoise(Generator().manual_seed(0))


def always(logits):
    """A model that says the same at every step, with or without a prompt."""
    return lambda token_ids, is_masked, need_unconditional: Logits(logits, None)


def run(model, start, noise, **settings):
    return list(decode(model, start, MASK, SamplerConfig(**settings), noise, CODES))


both_modes = pytest.mark.parametrize("noise_for", [seeded, streamed])


@both_modes
@pytest.mark.parametrize(
    ("scale", "two_passes"), [(1.0, False), (0.0, True), (0.5, True), (7.5, True)]
)
def test_scale_1_alone_asks_for_one_pass(toy_model, hidden, noise_for, scale, two_passes):
    model = toy_model()
    run(model, hidden(2, 4, 4), noise_for(2), guidance_scale=scale)
    assert [need for _, _, need in model.calls] == [two_passes] * 12


@both_modes
def test_a_model_with_nothing_left_to_say_is_not_asked(toy_model, hidden, noise_for):
    model = toy_model()
    assert len(run(model, hidden(2, 4, 4).fill_(3), noise_for(2))) == 12
    assert model.calls == []


def test_no_gradients_are_kept(hidden):
    weight = torch.randn(1, 16, CODES, requires_grad=True)

    def predict(token_ids, is_masked, need_unconditional):
        return Logits(weight * 2, None)

    steps = run(predict, hidden(1, 4, 4), seeded(1), guidance_scale=1.0)
    assert not steps[-1].confidence.requires_grad


@both_modes
@pytest.mark.parametrize(
    ("value", "what"),
    [(torch.nan, "NaN"), (torch.inf, "infinity"), (-torch.inf, "rule out every code")],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_logits_nothing_can_be_drawn_from_are_named_with_their_step(
    toy_model, hidden, noise_for, value, what, dtype
):
    model, places = toy_model(dtype=dtype), []

    def broken(token_ids, is_masked, need_unconditional):
        logits = model(token_ids, is_masked, False)
        if len(model.calls) == 3:
            places.append(int(is_masked[1].flatten().nonzero()[-1]))  # something is drawn there
            logits.conditional[1, places[0]] = value
        return logits

    steps = decode(broken, hidden(2, 4, 4), MASK, SamplerConfig(guidance_scale=1.0), noise_for(2))
    next(steps), next(steps)
    with pytest.raises(UserError, match=f"in step 3 .*picture 1 at .*{what}") as refused:
        next(steps)
    row, column = divmod(places[0], 4)
    assert f"at row {row}, column {column} " in str(refused.value)


@both_modes
def test_one_nan_among_the_codes_is_enough(hidden, noise_for):
    logits = torch.zeros(1, 16, CODES)
    logits[0, 15, 19] = torch.nan
    with pytest.raises(UserError, match=r"row 3, column 3 .*NaN.*check the model's weights"):
        run(always(logits), hidden(1, 4, 4), noise_for(1), guidance_scale=1.0)


@pytest.mark.parametrize("num_ids", [CODES + 1, MASK + 1, CODES - 1])
def test_logits_over_more_or_fewer_ids_than_the_codebook_are_refused(hidden, num_ids):
    predict = always(torch.zeros(1, 16, num_ids))
    with pytest.raises(UserError, match=f"logits over {num_ids} ids, but the codebook has 20"):
        run(predict, hidden(1, 4, 4), seeded(1), guidance_scale=1.0)


def test_logits_that_reach_the_mask_id_are_refused_without_knowing_the_codebook(hidden):
    predict = always(torch.zeros(1, 16, MASK + 1))
    steps = decode(predict, hidden(1, 4, 4), MASK, SamplerConfig(guidance_scale=1.0), seeded(1))
    with pytest.raises(UserError, match="at most 24 codes; leave out the mask id"):
        next(steps)


def test_logits_of_another_grid_are_refused(hidden):
    predict = always(torch.zeros(1, 15, CODES))
    with pytest.raises(UserError, match=r"shape \(1, 15, 20\).*must be \(1, 16, codes\)"):
        run(predict, hidden(1, 4, 4), seeded(1), guidance_scale=1.0)


def test_missing_unconditional_logits_are_named(hidden):
    predict = always(torch.zeros(1, 16, CODES))
    with pytest.raises(UserError, match=r"guidance_scale=10\.0 needs the logits"):
        run(predict, hidden(1, 4, 4), seeded(1))
