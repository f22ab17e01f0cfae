"""A cell's pictures and their cost are those of whoever just draws them."""

from dataclasses import replace

import pytest

from src.evaluation.cell import ask_prompts
from src.evaluation.config import EvaluationConfig
from src.sampler.config import CorrectorConfig, SamplerConfig
from src.tasks.ablate import Bench, draw
from src.tasks.drawing import generate_pictures
from src.tasks.inputs import open_model
from src.telling import is_watched

PROMPTS = ["a small red sun", "a large green star", "a small green heart"]
PLAIN = SamplerConfig(num_steps=4, guidance_scale=2.0)
SAMPLERS = {
    "guided": PLAIN,
    "unguided": replace(PLAIN, guidance_scale=1.0),
    "guided at first": replace(PLAIN, guidance_to=0.8),
    "ends early": replace(PLAIN, num_steps=8, stop_entropy=0.6),
    "some steps are local": replace(PLAIN, full_step_every=2),
    "corrected": replace(PLAIN, corrector=CorrectorConfig(num_positions=9)),
    "adaptive": replace(PLAIN, name="entropy_bounded", num_steps=8),
}


@pytest.fixture
def bench(config):
    model = open_model(config("ablate"))
    return Bench(model, None, ask_prompts(PROMPTS, EvaluationConfig()), {})


def rows_asked(model, work) -> int:
    """How many grids the transformer is asked about, one by one, as someone who watches sees it."""
    transformer, rows = model.transformer, []
    real = transformer.predict

    def predict(token_ids, *told):
        rows.append(len(token_ids))
        return real(token_ids, *told)

    transformer.predict = predict
    work()
    del transformer.predict
    return sum(rows)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_pictures_passes_are_those_that_the_model_is_asked_for(config, bench, name):
    chosen = config("ablate", sampler=SAMPLERS[name])
    asked = bench.asked
    expected = [
        rows_asked(bench.model, lambda at=at: generate_pictures(bench.model, chosen, *at))
        for at in zip([[each] for each in PROMPTS], [[each] for each in asked.seeds], strict=True)
    ]
    found = draw(chosen, bench).passes
    assert found == expected
    assert all(type(each) is float for each in found)


def test_a_picture_takes_as_many_passes_in_company(config, bench):
    chosen = config("ablate", sampler=SAMPLERS["ends early"])
    alone = draw(chosen, bench).passes
    bench.model.pictures_per_pass = 2
    assert draw(chosen, bench).passes == alone
    assert len(set(alone)) > 1, "they differ"


@pytest.mark.parametrize("name", ["guided", "some steps are local"])
def test_nobody_watches_what_is_timed(config, bench, name):
    """Otherwise every pass is whole: no first step is shared, and all positions are asked about."""
    chosen, transformer, seen = (
        config("ablate", sampler=SAMPLERS[name]),
        bench.model.transformer,
        [],
    )
    real = transformer.before_logits

    def before_logits(*told):
        seen.append(is_watched(transformer))
        return real(*told)

    transformer.before_logits = before_logits  # as a compiled one stands there
    pictures = draw(chosen, bench).pictures
    assert seen
    assert not any(seen)
    for picture, prompt, seed in zip(pictures, PROMPTS, bench.asked.seeds, strict=True):
        (own,) = generate_pictures(bench.model, chosen, [prompt], [seed]).images
        assert picture.tobytes() == own.tobytes()
