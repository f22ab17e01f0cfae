"""A picture ends once the model is sure of all that is hidden, and is never asked for again."""

from dataclasses import replace

import pytest
import torch
from torch import Generator

from src.errors import UserError
from src.sampler.choices import Canvas, Counts
from src.sampler.config import KNOWN_SAMPLERS, RemaskConfig, SamplerConfig
from src.sampler.decode import decode, resume
from src.sampler.early_stop import is_sure
from src.sampler.generator_noise import GeneratorNoise
from src.sampler.model_pass import Guided
from src.sampler.plan import make_plan
from src.sampler.seeded_noise import SeededNoise
from tests.sampler.conftest import CODES, MASK, ToyModel

BATCH = 4


class SurerModel(ToyModel):
    """The more it is shown, the surer it is, as a trained one."""

    def logits(self, token_ids, prompt):
        shown = (token_ids != MASK).float().mean(dim=(1, 2))
        return super().logits(token_ids, prompt) * (0.5 + 3 * shown[:, None, None])


def run(config, start, seeds):
    """The steps, and how often the model was asked."""
    model = SurerModel()
    steps = list(decode(model, start, MASK, config, SeededNoise(seeds), CODES, num_top=1))
    return steps, len(model.calls)


def mean_entropies(steps, start):
    """Of the positions hidden before each step, as the trace has them: [steps][batch]."""
    before, found = start == MASK, []
    for step in steps:
        rows = zip(step.opinion.entropy, before, strict=True)
        found.append([float(nats[mask].mean()) if mask.any() else None for nats, mask in rows])
        before = step.is_masked
    return found


@pytest.mark.parametrize("name", KNOWN_SAMPLERS)
def test_a_picture_is_the_exact_one_up_to_the_step_whose_entropy_falls_to_the_bound(name, hidden):
    """The bound is the third step's own mean, so that it ends there, or before."""
    config = SamplerConfig(name=name, num_steps=8, guidance_scale=2.0)
    start = hidden(1, 5, 5)
    for seed in range(6):
        exact, _ = run(config, start, [seed])
        told = [row[0] for row in mean_entropies(exact, start)]
        if told[2] is None:
            continue
        bound = told[2] + 1e-4
        ends = next(k for k, nats in enumerate(told) if nats <= bound)
        early, num_calls = run(replace(config, stop_entropy=bound), start, [seed])
        for mine, theirs in zip(early[:ends], exact[:ends], strict=True):
            assert torch.equal(mine.token_ids, theirs.token_ids)
        last = early[ends]
        assert torch.equal(last.token_ids, last.drawn_ids)
        assert not last.is_masked.any()
        assert torch.equal(last.drawn_ids, exact[ends].drawn_ids)  # all as drawn in this step
        assert last.num_scheduled.tolist() == [0]
        assert num_calls == ends + 1
        assert [int(step.num_passes) for step in early] == [2] * (ends + 1) + [0] * (7 - ends)
        assert all(torch.equal(step.token_ids, last.token_ids) for step in early[ends:])


def test_pictures_of_a_batch_end_at_steps_of_their_own(hidden):
    config = SamplerConfig(num_steps=10, guidance_scale=2.0, stop_entropy=0.5)
    start = hidden(BATCH, 5, 5)
    together, _ = run(config, start, range(BATCH))
    passes = torch.stack([step.num_passes for step in together])
    assert len(set((passes > 0).sum(dim=0).tolist())) > 1
    for picture in range(BATCH):
        alone, _ = run(config, start[:1], [picture])
        assert torch.equal(alone[-1].token_ids[0], together[-1].token_ids[picture])
        assert [int(step.num_passes) for step in alone] == passes[:, picture].tolist()


@pytest.mark.parametrize("strategy", ["cap", "loop"])
def test_what_has_ended_is_not_hidden_again(strategy, hidden):
    config = SamplerConfig(
        name="remask", num_steps=12, stop_entropy=1e6, remask=RemaskConfig(strategy, eta=1.0)
    )
    steps, num_calls = run(config, hidden(1, 4, 4), [0])
    assert num_calls == 1
    assert not any(step.is_masked.any() for step in steps)


def test_an_unreachable_bound_changes_nothing(hidden):
    exact = SamplerConfig(num_steps=6)
    steps, other = (
        run(each, hidden(2, 4, 4), [0, 1])[0] for each in (exact, replace(exact, stop_entropy=0.0))
    )
    assert all(torch.equal(a.token_ids, b.token_ids) for a, b in zip(steps, other, strict=True))


def test_a_picture_with_nothing_hidden_is_not_sure():
    logits = torch.randn(2, 6, CODES, generator=Generator().manual_seed(0))
    guided = Guided(logits, logits, torch.arange(6).expand(2, 6))
    now = make_plan(SamplerConfig(num_steps=1, stop_entropy=1e6))[0]
    assert is_sure(guided, Counts([0, 6], [6, 6]), now) == [False, True]


def test_a_generator_knows_no_early_stop(hidden):
    noise = GeneratorNoise(Generator().manual_seed(0))
    config = SamplerConfig(num_steps=2, stop_entropy=1.0)
    with pytest.raises(UserError, match="no shortcuts"):
        decode(ToyModel(), hidden(1, 2, 2), MASK, config, noise)


def test_local_steps_keep_more_than_a_canvas_so_they_cannot_be_resumed(hidden):
    config = SamplerConfig(num_steps=4, full_step_every=2)
    canvas = Canvas(*[torch.zeros(1, 4, dtype=torch.int64)] * 5, grid=(2, 2))
    with pytest.raises(UserError, match="full_step_every=2 keeps more from step to step"):
        resume(ToyModel(), canvas, 2, MASK, config, SeededNoise([0]))
