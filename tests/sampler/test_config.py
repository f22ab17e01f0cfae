"""Settings and names of samplers are checked before anything is drawn."""

import pytest

from src.errors import UserError
from src.sampler.config import KNOWN_SAMPLERS, SamplerConfig, check_sampler
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
