"""Decoding is timed beside diffusers on the same token ids, and weighed in processes of its own."""

import json
from dataclasses import replace

import pytest

from src.evaluation.latency_config import LatencyConfig
from src.tasks import bench_decode
from src.tasks.bench_decode import SCRIPT, measure, run
from src.tasks.inputs import open_model

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def quick(config):
    return config("bench_decode", latency=LatencyConfig(num_rounds=2))


@pytest.mark.slow
def test_both_decode_the_same_and_are_weighed(quick, model_folder):
    vqgan = open_model(quick).image_tokenizer
    found = measure(quick, vqgan, "w", model_folder, SCRIPT, (32, 64), is_small=True)
    names = [each.name for each in found]
    assert names[:6] == names[6:12]
    assert names[:3] == ["seconds a picture", "floor, ms", "times the floor"]
    for gap in (each for each in found if each.name.startswith("difference of the mean")):
        assert gap.value < 0.01, "the same ids gave the same pixels"
    ours, theirs = found[12:]
    assert ours.subject == "ours, 64 pixels"
    assert theirs.subject.startswith("diffusers ")
    assert all(100 < each.value < 5000 for each in (ours, theirs))  # MB: torch and a tiny model


def test_the_run_leaves_a_record_without_a_peer(quick, tmp_path, monkeypatch):
    monkeypatch.setattr(bench_decode, "SIDES", (32,))
    alone = replace(quick, latency=LatencyConfig(2, is_beside_peer=False), output_dir=str(tmp_path))
    run(alone, tmp_path)
    record = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    assert len(record["measurements"]) == 4
    assert record["measurements"][0]["note"].endswith("no peer: left out by its setting")
