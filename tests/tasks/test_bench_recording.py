"""What recording costs is measured on the pictures it would have drawn anyway."""

from dataclasses import replace

from src.amused import Amused
from src.compose import composed
from src.tasks.bench_recording import PICTURES_OF_SMALL, STEPS_OF_LARGE, measure
from tests.tasks.conftest import SETTINGS


def test_the_two_sides_differ_in_nothing_but_the_trace():
    model = Amused.from_config(SETTINGS, seed=0)
    config = composed(["+exp=bench_recording"]).config
    config = replace(config, sampler=replace(config.sampler, num_steps=3))
    drawn = []
    generate = model.generate
    model.generate = lambda *args, **named: drawn.append(generate(*args, **named))
    found = measure(config, model, "embedded", "shipped", num_rounds=2)
    assert found.low <= found.value <= found.high
    assert found.num_samples == 2
    assert len(drawn) == 2 * 3  # one round to warm up
    recorded, plain = drawn[-2:]
    assert (recorded.trace is None, plain.trace is None) == (False, True)
    assert len(plain.seeds) == PICTURES_OF_SMALL
    assert (recorded.token_ids == plain.token_ids).all()
    large = measure(config, model, "amused_256", "random", num_rounds=1)
    assert large.subject == f"amused_256, {STEPS_OF_LARGE} steps"
    assert drawn[-2].trace.num_steps == STEPS_OF_LARGE
