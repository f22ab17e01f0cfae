"""A run's folder is continued by what it was begun with and by nothing else."""

from dataclasses import replace

import pytest

from src.data.config import DataConfig
from src.errors import UserError
from src.masking.config import MaskingConfig
from src.training.config import FREE_KEYS, OWN_KEYS, TrainingConfig
from src.training.run_identity import claim_run, run_identity


def identity(seed=0, parts=None, **settings):
    training = replace(TrainingConfig(model="uvit"), **settings)
    return run_identity(DataConfig(), training, seed, MaskingConfig(), parts)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"seed": 1}, "seed=0"),
        ({"batch_size": 7}, r"training\.batch_size=64"),
        ({"parts": {"image_tokenizer": "b"}}, r"weights\.image_tokenizer=a"),
    ],
)
def test_another_seed_setting_or_part_is_refused_by_name(tmp_path, changed, named):
    begun = {"parts": {"image_tokenizer": "a"}}
    claim_run(tmp_path, identity(**begun))
    claim_run(tmp_path, identity(**begun))
    with pytest.raises(UserError, match=named):
        claim_run(tmp_path, identity(**begun | changed))


def test_other_data_under_the_same_name_are_told_as_that(tmp_path):
    claim_run(tmp_path, identity() | {"data, content": "a"})
    with pytest.raises(UserError, match="was begun when the data were others"):
        claim_run(tmp_path, identity() | {"data, content": "b"})


def test_a_folder_of_somebody_elses_is_not_begun_in(tmp_path):
    (tmp_path / "mine.txt").touch()
    with pytest.raises(UserError, match=r"holds mine\.txt and is no run's folder"):
        claim_run(tmp_path, identity())
    assert [each.name for each in tmp_path.iterdir()] == ["mine.txt"]


def test_how_long_how_fast_and_what_means_nothing_to_the_model_may_change(tmp_path):
    claim_run(tmp_path, identity())
    claim_run(tmp_path, identity(max_steps=9, max_minutes=1.0, compile=True, locality_weight=9.0))


def test_a_setting_younger_than_the_run_stood_at_its_default(tmp_path):
    begun = identity()
    del begun["training.drop_prob"]
    claim_run(tmp_path, begun)
    claim_run(tmp_path, identity())
    with pytest.raises(UserError, match=r"training\.drop_prob=0\.1"):
        claim_run(tmp_path, identity(drop_prob=0.5))


def test_every_key_that_is_sorted_out_exists():
    known = set(vars(TrainingConfig()))
    assert known >= FREE_KEYS
    assert all(known >= keys for keys in OWN_KEYS.values())
