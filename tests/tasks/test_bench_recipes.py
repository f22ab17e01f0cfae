"""The GPU's benchmark can be run as far as a processor goes: its trainings, and its arithmetic."""

from dataclasses import replace

import pytest

from src.amused import Amused
from src.compose import composed
from src.tasks.bench_recipes import PUBLISHED_GIGABYTES, pace, peak_bytes, run
from tests.tasks.conftest import SETTINGS

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def tiny():
    return Amused.from_config(SETTINGS, seed=0, init="training")


@pytest.mark.parametrize("name", ["finetune_256_8bit", "finetune_512_lora"])
def test_a_recipes_own_training_is_what_is_measured(name, tiny, tmp_path, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    assert peak_bytes(name, 0, "cpu", tiny) == 0  # a processor's memory is not counted by torch


def test_the_pace_is_a_share_of_what_bare_products_reach(tiny):
    config = composed(["+exp=bench_recipes"]).config
    training = replace(config.training, preset=None, batch_size=2, compile=False, fused=False)
    measured = pace(replace(config, training=training), tiny, "cpu")
    assert 0 < measured.low <= measured.value <= measured.high < 1
    assert "batch 2" in measured.note


def test_without_a_gpu_nothing_is_claimed(tmp_path, capsys):
    config = replace(composed(["+exp=bench_recipes"]).config, device="cpu")
    run(config, tmp_path)
    said = capsys.readouterr().out
    assert said.count("not measured here") == len(PUBLISHED_GIGABYTES) + 1
    assert "finetune_256_lora: published 6.5 GB" in said
    assert not list(tmp_path.iterdir())
