"""Settings and names of samplers are checked before anything is drawn."""

from pathlib import Path

import pytest

from src.errors import UserError
from src.sampler.config import (
    KNOWN_SAMPLERS,
    CorrectorConfig,
    EntropyBoundConfig,
    MomentConfig,
    RemaskConfig,
    SamplerConfig,
    check_sampler,
)
from src.sampler.registry import find_rule


def test_the_defaults_are_amuseds():
    config = SamplerConfig()
    check_sampler(config)
    assert (config.num_steps, config.guidance_scale, config.schedule) == (12, 10.0, "cosine")
    assert (config.choice_temperature_start, config.choice_temperature_end) == (2.0, 0.0)


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        ("num_steps", 0, "num_steps=0 is impossible; give a whole number from 1 to 10,000"),
        ("num_steps", 10**12, "num_steps=1000000000000 is impossible"),
        ("num_steps", -3, "num_steps=-3"),
        ("num_steps", 2.0, "num_steps=2.0"),
        ("num_steps", True, "num_steps=True"),
        (
            "guidance_scale",
            -1.0,
            "guidance_scale=-1.0 is impossible; give a number from 0 to 1,000,000",
        ),
        ("guidance_scale", float("inf"), "guidance_scale=inf"),
        ("choice_temperature_start", 1e7, "choice_temperature_start=10000000.0"),
        ("guidance_scale", True, "guidance_scale=True"),
        ("guidance_scale", "10", "guidance_scale='10'"),
        ("choice_temperature_start", -0.1, "choice_temperature_start=-0.1"),
        ("choice_temperature_end", float("nan"), "choice_temperature_end=nan"),
        ("sampling_temperature", None, "sampling_temperature=None"),
        ("stop_entropy", -0.5, "stop_entropy=-0.5 is impossible; give a number from 0"),
        ("stop_entropy", float("nan"), "stop_entropy=nan"),
        ("full_step_every", 0, "full_step_every=0"),
        ("full_step_every", 1.5, "full_step_every=1.5"),
        ("schedule", "cosinus", "did you mean 'cosine'"),
        ("name", "confidense", "sampler 'confidense' is unknown; did you mean 'confidence'"),
    ],
)
def test_an_impossible_setting_is_refused_with_its_name_and_value(setting, value, sentence):
    config = SamplerConfig()
    setattr(config, setting, value)  # as a file or a command line can
    with pytest.raises(UserError, match=sentence):
        check_sampler(config)


def test_every_file_of_rules_is_a_sampler():
    assert len(KNOWN_SAMPLERS) >= 10
    for name in KNOWN_SAMPLERS:
        assert callable(find_rule(name))


def test_an_unknown_sampler_is_answered_with_the_nearest():
    with pytest.raises(UserError, match="did you mean 'confidence'"):
        find_rule("confident")


def test_contributing_shows_the_smallest_sampler_as_it_is():
    root = Path(__file__).resolve().parents[2]
    rules = [path for path in (root / "src/sampler/rules").glob("[!_]*.py")]
    smallest = min(rules, key=lambda path: path.stat().st_size)
    guide = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for path in (smallest, root / "conf/sampler" / f"{smallest.stem}.yaml"):
        text = path.read_text(encoding="utf-8").rstrip()
        assert text in guide
        assert len(text.splitlines()) <= 40


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"then": "halton2"}, "sampler 'halton2' is unknown; did you mean 'halton'"),
        ({"then_after": 0.3}, "then_after=0.3 has no effect without then"),
        ({"guidance": "cosin"}, "guidance='cosin' is unknown; did you mean 'cosine'"),
        ({"guidance_from": 1.2}, "guidance_from=1.2 is impossible; give a number from 0 to 1"),
        ({"guidance_from": 0.2, "guidance_to": 0.4}, "begins at the larger number"),
        ({"guidance_power": -1.0}, "guidance_power=-1.0"),
        ({"schedule": "by_hand:0.5/0"}, "has 2 shares for num_steps=12; give one a step"),
        ({"guidance_scales": [1.0]}, "guidance_scales has 1 numbers for num_steps=12"),
        ({"num_steps": 1, "choice_temperatures": [-1.0]}, r"choice_temperatures\[0\]=-1.0"),
        ({"remask": RemaskConfig(eta=0.3)}, "remask has no effect: name is confidence"),
        ({"name": "remask", "remask": RemaskConfig(eta=1.3)}, "remask.eta=1.3"),
        ({"name": "remask", "remask": RemaskConfig("caps")}, "did you mean 'cap'"),
        (
            {"name": "remask", "remask": RemaskConfig("loop", loop_from=0.9, loop_to=0.1)},
            "give the smaller number first",
        ),
        (
            {"name": "remask", "remask": RemaskConfig("loop"), "then": "moment"},
            "leave then=moment out",
        ),
        (
            {"name": "remask", "remask": RemaskConfig(loop_to=0.9)},
            "remask.loop_to=0.9 has no effect without remask.strategy=loop",
        ),
        ({"guidance_power": 2.0}, "guidance_power=2.0 has no effect on guidance=constant"),
        ({"sampling_temperature_power": 2.0}, "no effect without sampling_temperature_end"),
        ({"corrector": CorrectorConfig(temperature=0.5)}, "without corrector.num_positions"),
        ({"name": "moment", "moment": MomentConfig(token_exponent=-1.0)}, "token_exponent=-1.0"),
        ({"corrector": CorrectorConfig(num_positions=-1)}, "corrector.num_positions=-1"),
        (
            {"name": "entropy_bounded", "entropy_bound": EntropyBoundConfig(bound=-1.0)},
            "entropy_bound.bound=-1.0",
        ),
    ],
)
def test_laws_and_parts_are_checked_like_the_rest(settings, sentence):
    with pytest.raises(UserError, match=sentence):
        check_sampler(SamplerConfig(**settings))
