"""What a step says of the model's opinion is a direct computation from its logits."""

import math

import pytest
import torch
from torch import Generator

from src.errors import UserError
from src.sampler.config import SamplerConfig
from src.sampler.decode import decode
from src.sampler.guidance import Logits
from src.sampler.model_pass import Guided
from src.sampler.opinion import NO_CODE, opinion
from src.sampler.seeded_noise import SeededNoise
from tests.sampler.conftest import CODES, MASK, ToyModel


@pytest.fixture
def guided():
    rng = Generator().manual_seed(2)
    conditional = 3 * torch.randn(2, 6, CODES, generator=rng)
    return everywhere(conditional + torch.randn(2, 6, CODES, generator=rng), conditional)


def everywhere(logits, conditional):
    """Asked at all positions, in their order."""
    return Guided(logits, conditional, torch.arange(logits.shape[1]).expand(logits.shape[:2]))


def test_it_is_that_of_the_distributions_in_double_precision(guided):
    is_masked = torch.ones(2, 6, dtype=torch.bool)
    codes = guided.logits.argmin(dim=-1)
    found = opinion(guided, codes, is_masked, 4)
    table = guided.logits.double().softmax(dim=-1)
    prompted = guided.conditional.double().softmax(dim=-1)
    ordered, ids = table.sort(dim=-1, descending=True)
    assert torch.allclose(found.entropy.double(), -(table * table.log()).sum(-1), atol=1e-5)
    assert torch.allclose(
        found.margin.double(), (ordered[..., 0] / ordered[..., 1]).log(), atol=1e-5
    )
    moved = (table * (table / prompted).log()).sum(-1)
    assert torch.allclose(found.divergence.double(), moved, atol=1e-5)
    assert torch.equal(found.top_ids, ids[..., :4])
    assert torch.allclose(found.top_log_probs.double(), ordered[..., :4].log(), atol=1e-5)
    assert (found.rank == CODES).all()  # the unlikeliest code of all was drawn
    assert (opinion(guided, ids[..., 0], is_masked, 1).rank == 1).all()


def test_it_does_not_change_with_a_constant_added_to_the_logits(guided):
    is_masked = torch.ones(2, 6, dtype=torch.bool)
    codes = guided.logits.argmax(dim=-1)
    moved = everywhere(guided.logits + 7, guided.conditional - 5)
    for one, other in zip(
        opinion(guided, codes, is_masked, 3), opinion(moved, codes, is_masked, 3), strict=True
    ):
        assert torch.allclose(one.double(), other.double(), atol=1e-5)


def test_uniform_logits_have_all_entropy_and_no_margin():
    flat = torch.zeros(1, 3, CODES)
    is_masked = torch.ones(1, 3, dtype=torch.bool)
    found = opinion(everywhere(flat, flat), torch.zeros(1, 3, dtype=torch.int64), is_masked, 2)
    assert found.entropy.flatten().tolist() == pytest.approx([math.log(CODES)] * 3)
    assert (found.margin == 0).all()
    assert (found.divergence == 0).all()


def test_nothing_is_said_of_positions_that_were_not_hidden(guided):
    is_masked = torch.zeros(2, 6, dtype=torch.bool)
    is_masked[0, 2] = True
    found = opinion(guided, guided.logits.argmax(dim=-1), is_masked, 3)
    for field in found:
        assert (field[~is_masked] == 0).all()
    assert found.entropy[0, 2] > 0
    assert found.rank[0, 2] == 1


def test_a_code_that_is_ruled_out_adds_nothing(guided):
    guided.logits[..., 5:] = -torch.inf
    is_masked = torch.ones(2, 6, dtype=torch.bool)
    found = opinion(guided, guided.logits.argmax(dim=-1), is_masked, 8)
    assert all(field.isfinite().all() for field in found[:4])
    assert (found.entropy <= math.log(5) + 1e-6).all()
    assert (found.top_log_probs[..., 5:] == -torch.inf).all()


def test_a_codebook_smaller_than_asked_for_leaves_places_without_a_code():
    logits = torch.tensor([[[0.0, 1.0, 2.0]]])
    is_masked = torch.ones(1, 1, dtype=torch.bool)
    found = opinion(everywhere(logits, logits), torch.tensor([[1]]), is_masked, 5)
    assert found.top_ids.tolist() == [[[2, 1, 0, NO_CODE, NO_CODE]]]
    assert found.rank.item() == 2


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_guidance_moves_the_distribution_only_where_it_is_on(hidden, scale):
    config = SamplerConfig(guidance_scale=scale, num_steps=4)
    steps = list(decode(ToyModel(), hidden(1, 3, 3), MASK, config, SeededNoise([0]), num_top=2))
    assert (steps[0].opinion.divergence > 0).all() == (scale != 1)


def test_confidence_is_the_log_probability_of_a_code_of_that_rank(hidden):
    """The trace's own numbers agree: what was drawn first is the likeliest code's probability."""
    config = SamplerConfig(num_steps=3, sampling_temperature=0.0)
    for step in decode(ToyModel(), hidden(2, 3, 3), MASK, config, SeededNoise([0, 1]), num_top=1):
        was_drawn = step.opinion.rank > 0
        assert (step.opinion.rank[was_drawn] == 1).all()
        assert torch.equal(step.opinion.top_ids[..., 0][was_drawn], step.drawn_ids[was_drawn])
        top = step.opinion.top_log_probs[..., 0]
        assert torch.equal(top[was_drawn], step.confidence[was_drawn])


@pytest.mark.parametrize("num_top", [-1, 1025, 2.5, "x", True])
def test_a_number_of_codes_that_is_none_is_refused(hidden, num_top):
    with pytest.raises(UserError, match=r"num_top=.* is impossible; give a whole number from 0"):
        decode(ToyModel(), hidden(1, 2, 2), MASK, SamplerConfig(), SeededNoise([0]), CODES, num_top)


def test_a_step_without_work_says_nothing():
    start = torch.randint(CODES, (1, 2, 2), generator=Generator().manual_seed(0))
    model = ToyModel()
    (step,) = decode(model, start, MASK, SamplerConfig(num_steps=1), SeededNoise([0]), num_top=2)
    assert model.calls == []
    assert all((field == 0).all() for field in step.opinion)


def test_a_model_that_rules_codes_out_is_guided_without_a_nan(hidden):
    table = torch.randn(1, 4, CODES, generator=Generator().manual_seed(1))
    table[..., 7] = -torch.inf
    config = SamplerConfig(num_steps=2, guidance_scale=1.0)
    for step in decode(
        lambda *_: Logits(table, None), hidden(1, 2, 2), MASK, config, SeededNoise([3]), num_top=2
    ):
        assert all(not field.isnan().any() for field in step.opinion)
