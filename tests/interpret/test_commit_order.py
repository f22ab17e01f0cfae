"""Maps read from a trace: when a token was settled, and how sure the model was."""

import pytest
import torch
from torch import Generator

from src.interpret.commit_order import GIVEN, NEVER, commit_steps, confidence_maps, was_drawn
from src.sampler.config import SamplerConfig
from src.sampler.decode import decode
from src.sampler.guidance import Logits
from src.sampler.seeded_noise import SeededNoise
from src.sampler.trace import Trace, record

CODES = MASK = 30


def traced(start: torch.Tensor, num_steps: int = 6, first_steps: int | None = None) -> Trace:
    table = 2 * torch.randn(1, start[0].numel(), CODES, generator=Generator().manual_seed(0))

    def predict(token_ids, is_masked, need_unconditional):
        return Logits(table.expand(len(token_ids), -1, -1), None)

    config = SamplerConfig(num_steps=num_steps, guidance_scale=1.0)
    steps = list(decode(predict, start, MASK, config, SeededNoise(range(len(start)))))
    return record(start, MASK, steps[:first_steps])


def handmade(is_masked: list[list[int]], given: list[int]) -> Trace:
    """A trace of one row of tokens; only what is hidden after each step matters."""
    hidden = torch.tensor(is_masked).bool()[:, None, None, :]
    nothing = torch.zeros(hidden.shape, dtype=torch.int64)
    counts = hidden.sum(dim=(2, 3))
    is_given = torch.tensor(given).bool()[None, None]
    return Trace(nothing, nothing, hidden, nothing.float(), counts, counts, counts, is_given)


@pytest.fixture
def partly_known(rng) -> torch.Tensor:
    start = torch.full((3, 5, 5), MASK)
    start[1, 2] = torch.randint(CODES, (5,), generator=rng)
    start[2] = torch.randint(CODES, (5, 5), generator=rng)
    return start


def test_as_many_are_kept_in_each_step_as_the_trace_counts(partly_known):
    trace = traced(partly_known)
    order = commit_steps(trace)
    num_before = torch.cat([(~trace.is_given).sum(dim=(1, 2))[None], trace.num_masked[:-1]])
    for step in range(1, 7):
        kept = (order == step).sum(dim=(1, 2))
        assert torch.equal(kept, num_before[step - 1] - trace.num_masked[step - 1])


def test_given_positions_are_marked_and_the_others_all_kept(partly_known):
    trace = traced(partly_known)
    order = commit_steps(trace)
    assert torch.equal(order == GIVEN, trace.is_given)
    assert order.max() == 6
    assert order.min() == GIVEN


def test_what_is_still_hidden_where_a_trace_breaks_off_was_never_kept(partly_known):
    trace = traced(partly_known, first_steps=3)
    assert torch.equal(commit_steps(trace) == NEVER, trace.is_masked[-1])


def test_a_position_hidden_again_counts_by_its_last_time():
    trace = handmade([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]], given=[0, 0, 0, 1])
    assert commit_steps(trace).flatten().tolist() == [3, 2, 1, GIVEN]


def test_a_step_draws_what_was_hidden_when_it_began(partly_known):
    drawn = was_drawn(traced(partly_known))
    assert torch.equal(drawn[0], partly_known == MASK)
    trace = traced(partly_known)
    assert torch.equal(drawn[1:], trace.is_masked[:-1])


def test_confidence_maps_are_the_probabilities_of_the_drawn_codes(partly_known):
    trace = traced(partly_known)
    table = 2 * torch.randn(1, 25, CODES, generator=Generator().manual_seed(0)).double()
    probs = table.softmax(dim=-1).view(1, 1, 5, 5, CODES).expand(6, 3, -1, -1, -1)
    expected = probs.gather(4, trace.drawn_ids[..., None])[..., 0].float()
    expected = expected.masked_fill(trace.is_given, 1.0)
    torch.testing.assert_close(confidence_maps(trace), expected)
