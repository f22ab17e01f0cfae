"""Times taken in turns with diffusers as a process: the same prompts, and no harm without it."""

import json
from dataclasses import replace

import pytest

from src.amused import Amused
from src.errors import UserError
from src.evaluation.latency_config import LatencyConfig, check_latency
from src.report.kept_records import read_kept
from src.tasks import outcome, report_latency
from src.tasks.inputs import open_model
from src.tasks.latency_peer import SCRIPT, peer
from src.tasks.report_latency import RANDOM_WEIGHTS, measure, open_timed, prompt_of, run

pytestmark = pytest.mark.filterwarnings("ignore")
RECORDER = """
import json, sys
print(json.dumps({"ready": "recorder 1"}), flush=True)
with open(sys.argv[1] + "/asked.jsonl", "w") as file:
    for line in sys.stdin:
        file.write(line)
        file.flush()
        print(json.dumps({"pixels": "x"}), flush=True)
"""


@pytest.fixture
def quick(config):
    return config("report_latency", latency=LatencyConfig(num_rounds=2))


def written(path, text: str):
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.slow
def test_diffusers_draws_beside_us_on_the_same_checkpoint(quick, tmp_path):
    found = measure(quick, open_model(quick), "w", tmp_path, SCRIPT)
    ours, theirs, ratio, spread = found
    assert theirs.subject.startswith("diffusers ")
    assert ours.num_samples == theirs.num_samples == ratio.num_samples == 2
    assert 0 < ratio.low <= ratio.value <= ratio.high
    assert ratio.high - ratio.low <= spread.value + 1e-9
    assert ours.note.startswith("w, float32, batch 1, 3 steps, guidance 2, 32 x 32 pixels")


def test_the_peer_draws_what_it_is_asked_for(model_folder):
    with peer(model_folder, 1, "cpu", "float32") as other:
        first = other.draw("a red sun", 0, 3, 2.0)
        assert other.draw("a red sun", 0, 3, 2.0) == first
        assert other.draw("a green star", 1, 3, 2.0) != first
    assert other.process.returncode is not None, "it ends with the block"


def test_both_get_a_new_prompt_each_round_and_the_same_ones(quick, tmp_path, monkeypatch):
    asked = []
    drawn = Amused.generate

    def noted(self, prompt, **settings):
        asked.append((prompt, settings["seeds"]))
        return drawn(self, prompt, **settings)

    monkeypatch.setattr(Amused, "generate", noted)
    script = written(tmp_path / "recorder.py", RECORDER)
    measure(quick, open_model(quick), "w", tmp_path, script)
    lines = (tmp_path / "model" / "asked.jsonl").read_text(encoding="utf-8").splitlines()
    theirs = [(each["prompt"], each["seed"]) for each in map(json.loads, lines)]
    assert theirs == asked
    assert len(set(asked)) == len({prompt for prompt, _ in asked}) == 3  # a warm-up and two rounds


def test_no_prompt_comes_twice():
    assert len({prompt_of(number) for number in range(200)}) == 200


@pytest.mark.parametrize("is_there", [False, True])
def test_without_the_peer_the_row_says_so(quick, tmp_path, is_there):
    script = tmp_path / "peer.py"
    if is_there:
        written(script, 'print(\'{"missing": "No module named diffusers"}\')')
    (found,) = measure(quick, open_model(quick), "w", tmp_path, script)
    why = "No module named diffusers" if is_there else "is not there"
    assert found.note.endswith(why)
    assert "; no peer: " in found.note


def test_a_peer_that_dies_is_told_in_a_sentence(quick, tmp_path):
    script = written(tmp_path / "peer.py", 'print(\'{"ready": "x 1"}\', flush=True)')
    with pytest.raises(UserError, match=r"peer\.py .* ended with status 0 instead of an answer"):
        measure(quick, open_model(quick), "w", tmp_path, script)


def test_a_preset_is_random_weights_and_says_so(quick, monkeypatch):
    built = []

    def tiny(name, seed, init):
        built.append((name, seed, init))
        return open_model(quick)

    monkeypatch.setattr(Amused, "from_config", tiny)
    _, weights = open_timed(replace(quick, model="amused_256"))
    assert (built, weights) == ([("amused_256", 0, "random")], RANDOM_WEIGHTS)
    assert open_timed(quick)[1] != RANDOM_WEIGHTS
    assert open_timed(replace(quick, model="embedded"))[1] == "the shipped model"


def test_the_run_leaves_a_record(quick, tmp_path):
    alone = replace(quick, latency=LatencyConfig(2, is_beside_peer=False), output_dir=str(tmp_path))
    run(alone, tmp_path)
    record = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    (measured,) = record["measurements"]
    assert measured["name"] == "seconds a picture"
    assert record["settings"]["sampler.num_steps"] == 3


def test_a_record_of_other_steps_stands_beside_the_one_that_was_there(quick, tmp_path, monkeypatch):
    for module in (outcome, report_latency):
        monkeypatch.setattr(module, "RECORDS", tmp_path / "records")
    for num_steps in (2, 3, 2):
        asked = replace(
            quick,
            name="report_latency",
            latency=LatencyConfig(num_rounds=1, is_beside_peer=False),
            sampler=replace(quick.sampler, num_steps=num_steps),
            save_record=True,
        )
        run(asked, tmp_path / "run")
    found = read_kept(tmp_path / "records", "report_latency")
    assert [each.settings["sampler.num_steps"] for each in found.values()] == [2, 3]


def test_a_single_round_has_no_spread():
    with pytest.raises(UserError, match=r"latency\.num_rounds=1 is impossible"):
        check_latency(LatencyConfig(num_rounds=1))
