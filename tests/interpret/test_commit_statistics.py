"""Orders whose clustering is known, and chance, which has none."""

import itertools
import math

import pytest
import torch
from torch import Generator

from src.errors import UserError
from src.interpret.commit_statistics import (
    commit_statistics,
    kept_curve,
    moran_i,
    nearest_distance,
)
from src.sampler.config import SamplerConfig
from src.sampler.decode import decode
from src.sampler.guidance import Logits
from src.sampler.seeded_noise import SeededNoise
from src.sampler.trace import Trace, record

SIDE = 6


def of_order(order: torch.Tensor, is_given: torch.Tensor | None = None) -> Trace:
    """A trace that keeps the positions of a picture in the given steps."""
    steps = torch.arange(1, int(order.max()) + 1)[:, None, None, None]
    is_masked = order[None, None] > steps
    nothing = torch.zeros(is_masked.shape, dtype=torch.int64)
    counts = is_masked.sum(dim=(2, 3))
    known = torch.zeros(order.shape, dtype=torch.bool) if is_given is None else is_given
    return Trace(nothing, nothing, is_masked, nothing.float(), counts, counts, counts, known[None])


def rows_in_turn() -> torch.Tensor:
    return torch.arange(1, SIDE + 1)[:, None].expand(SIDE, SIDE)


def chessboard() -> torch.Tensor:
    return 1 + torch.arange(SIDE)[:, None].add(torch.arange(SIDE)) % 2


def statistics(order: torch.Tensor, **settings):
    settings = {"num_draws": 300} | settings
    return commit_statistics(of_order(order), Generator().manual_seed(0), **settings)


def test_a_chessboard_is_the_opposite_of_clustered():
    found = statistics(chessboard())
    assert found.moran.observed.item() == pytest.approx(-1)
    assert found.moran.observed < found.moran.low
    assert found.distance.observed[0].tolist() == pytest.approx([math.sqrt(2)] * 2)
    assert (found.distance.observed > found.distance.high).all()


def test_row_after_row_is_clustered():
    found = statistics(rows_in_turn())
    assert found.moran.observed > found.moran.high
    assert found.distance.observed[0].tolist() == [1.0] * SIDE
    assert (found.distance.observed < found.distance.expected).all()


def test_morans_number_is_its_formula_written_out():
    order = rows_in_turn().double()
    pairs = [
        (a, b)
        for a, b in itertools.product(itertools.product(range(SIDE), repeat=2), repeat=2)
        if abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1
    ]
    mean = order.mean()
    above = sum((order[a] - mean) * (order[b] - mean) for a, b in pairs) / len(pairs)
    expected = above / ((order - mean) ** 2).mean()
    assert statistics(rows_in_turn()).moran.observed.item() == pytest.approx(expected.item())


def test_chance_is_minus_one_over_the_others_and_a_shuffled_order_lies_in_its_interval():
    order = rows_in_turn().flatten()[torch.randperm(36, generator=Generator().manual_seed(3))]
    found = statistics(order.view(SIDE, SIDE), num_draws=1000)
    assert found.moran.expected.item() == pytest.approx(-1 / 35, abs=0.01)
    assert found.moran.low < found.moran.observed < found.moran.high
    assert (found.distance.low <= found.distance.observed).all()
    assert (found.distance.observed <= found.distance.high).all()


def test_given_positions_are_no_part_of_the_order():
    """Whatever a given row holds, the others are compared with each other alone."""
    order, is_given = rows_in_turn().clone(), torch.zeros(SIDE, SIDE, dtype=torch.bool)
    is_given[0], order[0] = True, 0
    found = commit_statistics(of_order(order, is_given), Generator().manual_seed(0), num_draws=200)
    assert found.distance.observed[0, 0].isnan()
    assert found.distance.observed[0, 1:].tolist() == [1.0] * (SIDE - 1)
    assert found.moran.expected.item() == pytest.approx(-1 / 29, abs=0.03)


def test_one_token_alone_has_no_neighbour_and_one_step_no_order():
    order = torch.full((SIDE, SIDE), 2)
    order[0, 0] = 1
    found = statistics(order)
    assert found.distance.observed[0, 0].isnan()
    assert found.distance.observed[0, 1] == 1
    assert statistics(torch.ones(SIDE, SIDE, dtype=torch.int64)).moran.observed.isnan()


def test_the_same_generator_gives_the_same_interval_and_another_one_does_not():
    one, same = (statistics(rows_in_turn(), num_draws=50) for _ in range(2))
    other = commit_statistics(of_order(rows_in_turn()), Generator().manual_seed(1), num_draws=50)
    assert torch.equal(one.moran.low, same.moran.low)
    assert not torch.equal(one.moran.low, other.moran.low)


def test_distances_and_neighbours_are_of_any_set():
    apart = torch.tensor([[torch.inf, 3.0, 1.0], [3.0, torch.inf, 2.0], [1.0, 2.0, torch.inf]])
    assert nearest_distance(torch.tensor([1, 1, 1]), apart, 1).item() == pytest.approx(4 / 3)
    assert nearest_distance(torch.tensor([1, 2, 1]), apart, 2)[0] == 1
    chain = torch.tensor([[0, 1, 0], [1, 0, 1], [0, 1, 0]]).bool()
    assert moran_i(torch.tensor([-1.0, 0.0, 1.0]), chain) == 0


@pytest.fixture
def decoded() -> Trace:
    start = torch.full((2, SIDE, SIDE), 30)
    start[1, :2] = 4
    table = torch.randn(1, 36, 30, generator=Generator().manual_seed(0))

    def predict(token_ids, is_masked, need_unconditional):
        return Logits(table.expand(len(token_ids), -1, -1), None)

    config = SamplerConfig(num_steps=5, guidance_scale=1.0)
    return record(start, 30, decode(predict, start, 30, config, SeededNoise([0, 1])))


def test_what_is_kept_follows_the_schedule_to_the_end(decoded):
    curve = kept_curve(decoded)
    assert torch.equal(curve.num_kept, curve.num_scheduled)
    assert curve.num_kept[-1].tolist() == [36, 24]
    assert (curve.num_kept.diff(dim=0) > 0).all()


def test_a_step_that_keeps_less_than_scheduled_falls_below_the_schedule(decoded):
    late = decoded._replace(num_masked=decoded.num_masked + torch.tensor([2, 0]))
    curve = kept_curve(late)
    assert torch.equal(curve.num_scheduled - curve.num_kept, torch.tensor([[2, 0]] * 5))


def test_an_interval_of_few_draws_is_refused():
    with pytest.raises(UserError, match="num_draws=19 gives no interval"):
        statistics(chessboard(), num_draws=19)
