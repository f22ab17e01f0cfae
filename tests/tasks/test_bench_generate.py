"""Both sides draw the same pictures in every batch size, each beside its floor."""

import json
from dataclasses import replace

import pytest

from src.errors import UserError
from src.evaluation.latency_config import LatencyConfig, check_latency
from src.tasks.bench_generate import GPU_TARGETS, measure, run
from src.tasks.inputs import open_model
from src.tasks.latency_peer import SCRIPT
from tests.tasks.test_report_latency import RECORDER, written

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def quick(config):
    return config("bench_generate", latency=LatencyConfig(num_rounds=2, batch_sizes=[1, 2]))


def test_diffusers_draws_the_same_pictures_beside_us(quick, tmp_path):
    found = measure(quick, {"ours": open_model(quick)}, "w", tmp_path, SCRIPT, is_small=True)
    one, two, (same,) = found[:5], found[5:10], found[10:]
    for size, rows in ((1, one), (2, two)):
        seconds, floor, above, theirs, ratio = rows
        assert seconds.subject == f"ours, batch {size}"
        assert theirs.subject.startswith("diffusers ")
        assert theirs.subject.endswith(f", batch {size}")
        assert above.value == pytest.approx(1000 * seconds.value / floor.value)
        assert 0 < ratio.low <= ratio.value <= ratio.high
        assert f"w, float32, batch {size}, 3 steps, guidance 2, 32 x 32 pixels" in seconds.note
    assert two[1].value > one[1].value, "more pictures have a higher floor"
    assert same.value == 1.0


def test_all_are_asked_for_the_same(quick, tmp_path):
    script = written(tmp_path / "recorder.py", RECORDER.replace('"x"', '"x", "shown": ""'))
    with pytest.raises(ValueError, match="broadcast"):  # of its picture, which is none
        measure(quick, {"ours": open_model(quick)}, "w", tmp_path, script, is_small=True)
    lines = (tmp_path / "model" / "asked.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [json.loads(each) for each in lines]
    assert [each.get("num_images") for each in asked] == [1, 1, 1, 2, 2, 2, None]
    assert len({each["prompt"] for each in asked[:3]}) == 3  # a warm-up and two rounds


def test_compiled_ones_have_rows_of_their_own(quick, tmp_path):
    model = open_model(quick)
    script = written(tmp_path / "peer.py", 'print(\'{"missing": "no diffusers"}\')')
    latency = LatencyConfig(2, batch_sizes=[1], is_peer_compiled=True)
    asked, ours = replace(quick, latency=latency), {"ours": model, "ours, compiled": model}
    found = measure(asked, ours, "w", tmp_path, script, is_small=True)
    seconds = [each for each in found if each.name == "seconds"]
    assert [each.subject for each in seconds] == ["ours, batch 1", "ours, compiled, batch 1"]
    assert all("; no peer: no diffusers" in each.note for each in seconds)


def test_off_a_gpu_its_rows_are_not_measured(quick, tmp_path, capsys):
    alone = LatencyConfig(2, is_beside_peer=False, batch_sizes=[1])
    run(replace(quick, latency=alone, output_dir=str(tmp_path)), tmp_path)
    assert capsys.readouterr().out.count("not measured here") == len(GPU_TARGETS)
    record = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    assert [each["name"] for each in record["measurements"]] == [
        "seconds",
        "floor, ms",
        "times the floor",
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batch_sizes": []}, r"latency\.batch_sizes is empty"),
        ({"batch_sizes": [1, 0]}, r"latency\.batch_sizes\[1\]=0"),
        ({"pictures_per_pass": 0}, r"latency\.pictures_per_pass=0"),
    ],
)
def test_a_batch_of_nothing_is_refused(changes, said):
    with pytest.raises(UserError, match=said):
        check_latency(LatencyConfig(**changes))
