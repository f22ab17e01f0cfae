"""The settings of an adapter: aMUSEd's by default, impossible ones refused in one sentence."""

import pytest

from src.adapters.config import LoraConfig, check_lora
from src.errors import UserError


def test_the_defaults_are_those_of_amuseds_fine_tuning():
    config = LoraConfig()
    assert (config.rank, config.alpha, config.dropout) == (16, 32, 0)
    assert config.targets == ["query", "key", "value"]
    assert not config.has_text_encoder
    check_lora(config)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rank": 0}, r"lora\.rank=0 is impossible; give a whole number from 1"),
        ({"rank": 5000}, r"lora\.rank=5000 is impossible"),
        ({"alpha": 0.0}, r"lora\.alpha=0\.0 is impossible; give a number above 0"),
        ({"alpha": -1.0}, r"lora\.alpha=-1\.0"),
        ({"alpha": float("nan")}, r"lora\.alpha=nan"),
        ({"dropout": 1.0}, r"lora\.dropout=1\.0 is impossible; give 0 to below 1"),
        ({"targets": []}, r"lora\.targets=\[\] is impossible; give at least one of query, key"),
        ({"targets": ["query", "query"]}, "each once"),
        ({"targets": ["quary"]}, r"lora\.targets='quary' is unknown; did you mean 'query'"),
        ({"targets": ["feed_forward"]}, r"'feed_forward' is unknown; .*nown: key, out, query"),
    ],
)
def test_impossible_settings_are_refused(changes, sentence):
    with pytest.raises(UserError, match=sentence):
        check_lora(LoraConfig(**changes))
