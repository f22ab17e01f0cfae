"""The maps say what a direct softmax says, and nothing where a step drew nothing."""

import math

import pytest
import torch
from torch import Generator

from src.errors import UserError
from src.interpret.commit_order import was_drawn
from src.interpret.opinion_maps import MAPS, opinion_maps, quartiles
from src.sampler.config import SamplerConfig
from src.sampler.decode import decode
from src.sampler.guidance import Logits
from src.sampler.seeded_noise import SeededNoise
from src.sampler.trace import Trace, record

CODES = MASK = 30
SCALE, SHAPE = 2.0, (5, 5)


def table(seed: int) -> torch.Tensor:
    return 2 * torch.randn(25, CODES, generator=Generator().manual_seed(seed))


def traced(prompted: torch.Tensor, plain: torch.Tensor, start=None, seeds=(0, 1)) -> Trace:
    """Decoded from the same logits in every step."""

    def predict(token_ids, is_masked, need_unconditional):
        return Logits(*(side.expand(len(token_ids), -1, -1) for side in (prompted, plain)))

    start = torch.full((len(seeds), *SHAPE), MASK) if start is None else start
    config = SamplerConfig(num_steps=4, guidance_scale=SCALE)
    return record(start, MASK, decode(predict, start, MASK, config, SeededNoise(seeds), num_top=4))


@pytest.fixture(scope="module")
def trace() -> Trace:
    start = torch.full((2, *SHAPE), MASK)
    start[1, 2] = 7
    return traced(table(0), table(1), start)


def test_maps_are_those_of_a_direct_softmax(trace):
    maps = opinion_maps(trace)
    prompted = table(0).double().log_softmax(dim=-1)
    guided = (table(1) + SCALE * (table(0) - table(1))).double().log_softmax(dim=-1)
    best = guided.sort(dim=-1, descending=True).values
    drawn = guided.expand(4, 2, -1, -1).gather(3, trace.drawn_ids.flatten(2)[..., None])[..., 0]
    rank = (guided > drawn[..., None]).sum(dim=-1) + 1
    expected = {
        "probability": drawn.exp(),
        "entropy": -(guided.exp() * guided).sum(dim=-1),
        "margin": best[:, 0] - best[:, 1],
        "rank": rank,
        "divergence": (guided.exp() * (guided - prompted)).sum(dim=-1),
    }
    for name, value in expected.items():
        found = getattr(maps, name).double().flatten(2)
        value = value.double().expand(4, 2, -1).masked_fill(~maps.is_drawn.flatten(2), 0)
        torch.testing.assert_close(found, value, atol=1e-5, rtol=1e-5, msg=name)


def test_all_lie_in_their_ranges(trace):
    maps, most = opinion_maps(trace), trace.opinion.top_log_probs[..., 0].exp()
    seen = maps.is_drawn
    assert (0 <= maps.probability).all()
    assert (maps.probability[seen] <= most[seen] + 1e-6).all()
    assert (most <= 1 + 1e-6).all()
    assert (0 <= maps.entropy).all()
    assert (maps.entropy <= math.log(CODES) + 1e-6).all()
    assert (maps.rank[seen] >= 1).all()
    assert (maps.rank <= CODES).all()
    assert torch.equal(maps.rank[seen] == 1, maps.probability[seen] >= most[seen] - 1e-7)


def test_the_likeliest_codes_alone_bound_the_entropy(trace):
    log_probs = trace.opinion.top_log_probs.double()
    known = -(log_probs.exp() * log_probs).sum(dim=-1)
    left = (1 - log_probs.exp().sum(dim=-1)).clamp(min=1e-12)
    entropy, seen = opinion_maps(trace).entropy.double(), was_drawn(trace)
    # the other codes share what is left: all in one of them at least, evenly at most
    spread = left * ((CODES - 4) / left).log()
    assert (known[seen] - left[seen] * left[seen].log() <= entropy[seen] + 1e-5).all()
    assert (entropy[seen] <= (known + spread)[seen] + 1e-5).all()


def test_no_opinion_at_all_is_the_highest_entropy():
    maps = opinion_maps(traced(torch.zeros(25, CODES), torch.zeros(25, CODES)))
    seen = maps.is_drawn
    torch.testing.assert_close(maps.entropy[seen], torch.full((seen.sum(),), math.log(CODES)))
    torch.testing.assert_close(maps.probability[seen], torch.full((seen.sum(),), 1 / CODES))
    assert (maps.margin == 0).all()
    assert (maps.divergence < 1e-6).all()


def test_a_constant_added_to_the_logits_changes_nothing(trace):
    shifted = opinion_maps(traced(table(0) + 5, table(1) - 3))
    plain = opinion_maps(traced(table(0), table(1)))
    for name in MAPS:
        mine, theirs = getattr(shifted, name).float(), getattr(plain, name).float()
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4, msg=name)


def test_two_pictures_together_are_two_alone():
    both = opinion_maps(traced(table(0), table(1), seeds=(5, 6)))
    alone = [opinion_maps(traced(table(0), table(1), seeds=(seed,))) for seed in (5, 6)]
    for name in both._fields:
        assert torch.equal(getattr(both, name), torch.cat([getattr(x, name) for x in alone], 1))


def test_where_a_step_drew_nothing_everything_is_zero(trace):
    maps = opinion_maps(trace)
    assert not maps.is_drawn[:, 1, 2].any()
    for name in MAPS:
        assert (getattr(maps, name)[~maps.is_drawn] == 0).all()


def test_quartiles_are_over_the_positions_drawn_alone(trace):
    maps = opinion_maps(trace)
    entropy, seen = maps.entropy[2, 1], maps.is_drawn[2, 1]
    drawn = sorted(entropy[seen].tolist())
    found = quartiles(maps)["entropy"]
    middle = (drawn[(len(drawn) - 1) // 2] + drawn[len(drawn) // 2]) / 2
    assert found.median[2, 1].item() == pytest.approx(middle)
    assert drawn[0] <= found.lower[2, 1] <= found.median[2, 1] <= found.upper[2, 1] <= drawn[-1]
    assert list(quartiles(maps)) == list(MAPS)


def test_a_step_that_drew_nothing_has_no_quartiles():
    start = torch.full((2, *SHAPE), MASK)
    start[1] = 3
    found = quartiles(opinion_maps(traced(table(0), table(1), start)))
    for name in MAPS:
        assert found[name].median[:, 1].isnan().all()
        assert not found[name].median[:, 0].isnan().any()


def test_a_trace_without_opinions_is_refused(trace):
    with pytest.raises(UserError, match="record it with num_top=5"):
        opinion_maps(trace._replace(opinion=None))
