"""A file of sampler settings: read as written, checked like what is typed."""

import json

import pytest

from src.errors import UserError
from src.sampler.config import EntropyBoundConfig, SamplerConfig
from src.sampler_file import read_sampler, write_sampler


def blank(path) -> SamplerConfig:
    """What conf/sampler/from_file.yaml composes to."""
    return SamplerConfig(guidance_scale=None, schedule=None, path=str(path))


def test_what_is_written_is_read_again(tmp_path):
    config = SamplerConfig(
        name="halton",
        then="entropy_bounded",
        num_steps=3,
        guidance_scale=2.5,
        schedule="by_hand:0.9/0.4/0",
        choice_temperatures=[3.0, 1.0, 0.0],
        entropy_bound=EntropyBoundConfig(bound=3.0),
    )
    write_sampler(tmp_path / "best.json", config, {"score": 0.9})
    read = read_sampler(blank(tmp_path / "best.json"))
    assert read == SamplerConfig(**{**vars(config), "path": str(tmp_path / "best.json")})
    assert json.loads((tmp_path / "best.json").read_text())["score"] == 0.9


def test_without_a_path_nothing_is_read():
    assert read_sampler(SamplerConfig(num_steps=4)) == SamplerConfig(num_steps=4)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is no JSON text"),
        ("[]", "says nothing of a sampler"),
        ('{"sampler": 3}', "says nothing of a sampler"),
        ('{"sampler": {"num_stes": 3}}', "has the key 'num_stes'; did you mean 'num_steps'"),
        ('{"sampler": {"path": "x"}}', "has the key 'path'"),
        ('{"sampler": {"num_steps": "many"}}', "sampler.path=.*many"),
        ('{"sampler": {"remask": {"etta": 1}}}', "sampler.path=.*etta"),
        ('{"sampler": {"num_steps": 0}}', "best.json: num_steps=0 is impossible"),
        ('{"sampler": {"schedule": "by_hand:0.3/0.1"}}', "does not reach 0"),
    ],
)
def test_a_file_that_cannot_be_followed_is_refused_by_name(tmp_path, text, sentence):
    (tmp_path / "best.json").write_text(text)
    with pytest.raises(UserError, match=sentence):
        read_sampler(blank(tmp_path / "best.json"))


def test_a_missing_file_and_a_setting_beside_it_are_refused(tmp_path):
    with pytest.raises(UserError, match="is no file; give one that the autotuner has written"):
        read_sampler(blank(tmp_path / "best.json"))
    write_sampler(tmp_path / "best.json", SamplerConfig(num_steps=3), {})
    beside = blank(tmp_path / "best.json")
    beside.num_steps = 5
    with pytest.raises(UserError, match=r"sampler\.num_steps is given beside"):
        read_sampler(beside)
