"""Settings in the published layout are read strictly and refused in a sentence."""

import json
from dataclasses import dataclass, field

import pytest

from src.errors import UserError
from src.published.settings import check_positive, read_preset, read_settings, write_settings


@dataclass
class ToySettings:
    num_layers: int = 2
    dropout: float = 0.0
    is_causal: bool = False
    widths: list[int] = field(default_factory=lambda: [8])
    dim: int | None = None


def test_missing_keys_keep_their_defaults_and_underscored_keys_are_left_out():
    settings = read_settings(ToySettings, {"_class_name": "Toy", "num_layers": 3}, "toy.json")
    assert settings == ToySettings(num_layers=3)


def test_what_is_written_reads_back_as_it_was():
    settings = ToySettings(num_layers=5, dropout=0.5, is_causal=True, widths=[1, 2], dim=4)
    published = write_settings(settings, "Toy", "0.25.0.dev0")
    assert published["_class_name"] == "Toy"
    assert read_settings(ToySettings, json.loads(json.dumps(published)), "toy.json") == settings


def test_an_unknown_key_is_refused_with_the_nearest_known_one():
    with pytest.raises(UserError, match=r"toy\.json .*'num_layer'.*did you mean 'num_layers'"):
        read_settings(ToySettings, {"num_layer": 3}, "toy.json")


@pytest.mark.parametrize(
    ("key", "value", "remedy"),
    [
        ("num_layers", "2", "a whole number"),
        ("num_layers", 2.0, "a whole number"),
        ("num_layers", True, "a whole number"),
        ("dropout", None, "a number"),
        ("dropout", False, "a number"),
        ("is_causal", 1, "true or false"),
        ("widths", [8, "9"], "a list, each entry a whole number"),
        ("widths", 8, "a list"),
        ("dim", "wide", "a whole number or null"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(key, value, remedy):
    with pytest.raises(UserError, match=rf"{key} = .*which should be {remedy}"):
        read_settings(ToySettings, {key: value}, "toy.json")


def test_a_whole_number_may_stand_for_a_fraction():
    assert read_settings(ToySettings, {"dropout": 0}, "toy.json").dropout == 0


def test_only_numbers_above_zero_are_positive_and_null_is_no_number():
    check_positive(ToySettings(), ("num_layers", "dim"), "toy.json")
    with pytest.raises(UserError, match=r"num_layers = 0, which should be above 0"):
        check_positive(ToySettings(num_layers=0), ("num_layers",), "toy.json")


def test_an_unknown_preset_is_refused_with_those_there_are(tmp_path):
    (tmp_path / "small.json").write_text('{"num_layers": 1}')
    assert read_preset(tmp_path, "small", "toy preset") == {"num_layers": 1}
    with pytest.raises(UserError, match=r"no toy preset 'smal': did you mean 'small'"):
        read_preset(tmp_path, "smal", "toy preset")
