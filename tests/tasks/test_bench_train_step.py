"""Both sides take the same step: the same loss before it, and the same one after it."""

import json
from dataclasses import replace

import pytest

from src.compose import composed
from src.errors import UserError
from src.evaluation.latency_config import LatencyConfig
from src.speed.work import Machine, floor_of
from src.tasks import bench_train_step
from src.tasks.bench_steps import bare_batch, bare_stepper
from src.tasks.bench_train_step import NUM_WORDS, SCRIPT, measure, run, step_works
from src.tasks.latency_peer import peer
from src.tasks.reduced_model import reduced

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def quick():
    config = composed(["+exp=bench_train_step", "device=cpu"]).config
    return replace(config, latency=LatencyConfig(num_rounds=2))


def tiny():
    return reduced(256, 1, seed=0, decoder_part=8)


def test_diffusers_takes_the_same_step(quick, tmp_path):
    from safetensors.torch import save_file

    system = tiny()
    batch = bare_batch(system.transformer.config, NUM_WORDS, 2, seed=1)
    system.save_pretrained(tmp_path / "model")
    save_file(batch, tmp_path / "batch.safetensors")
    training = replace(quick.training, learning_rate=1e-2, warmup_steps=1)
    step, numbers = bare_stepper(
        system.transformer, batch, replace(quick, training=training), "cpu"
    )
    more = str(tmp_path / "batch.safetensors"), json.dumps(numbers)
    with peer(tmp_path / "model", 1, "cpu", "float32", SCRIPT, *more) as other:
        theirs = [other.ask({})["loss"] for _ in range(3)]
    ours = [step() for _ in range(3)]
    assert ours == pytest.approx(theirs, rel=1e-3)
    assert ours[2] < ours[0]


def test_without_a_peer_there_are_seconds_and_their_floor(quick, tmp_path):
    alone = replace(quick, latency=LatencyConfig(2, is_beside_peer=False))
    seconds, floor, above = measure(alone, tiny(), "cpu", tmp_path, SCRIPT, is_small=True)
    assert 0 < seconds.low <= seconds.value <= seconds.high
    assert seconds.note.endswith("; no peer: left out by its setting")
    assert above.value == pytest.approx(1000 * seconds.value / floor.value)
    missing = measure(quick, tiny(), "cpu", tmp_path, tmp_path / "x.py", is_small=True)
    assert missing[0].note.endswith("is not there")
    assert len(missing) == 3


def test_the_floor_counts_passes_and_update():
    uvit = tiny().transformer
    weights = sum(p.numel() for p in uvit.parameters())
    machine = Machine(flops_per_second=1e30, bytes_per_second=1.0, bytes_each=4)
    found = floor_of(step_works(uvit, 2), machine)
    assert found["update"] == 4 * 7 * weights
    assert found["passes"] > 4 * 3 * weights
    one, four = (step_works(uvit, size)["passes"][0] for size in (1, 4))
    assert (four.flops, four.weights) == (4 * one.flops, one.weights)


def test_the_run_leaves_a_record(quick, tmp_path, monkeypatch):
    monkeypatch.setattr(bench_train_step, "reduced", lambda *_: tiny())
    run(replace(quick, latency=LatencyConfig(2, is_beside_peer=False)), tmp_path)
    record = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    assert [each["name"] for each in record["measurements"]] == [
        "seconds a step",
        "floor, ms",
        "times the floor",
    ]


def test_an_optimizer_that_only_one_side_has_is_refused(quick, tmp_path):
    training = replace(quick.training, optimizer="muon")
    with pytest.raises(UserError, match=r"training\.optimizer=muon cannot be compared"):
        run(replace(quick, training=training), tmp_path)
