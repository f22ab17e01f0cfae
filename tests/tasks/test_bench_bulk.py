"""Whole commands by one worker and by several: the same files, and rates that can be compared."""

from dataclasses import replace

import pytest
import torch

from src.compose import composed
from src.errors import UserError
from src.report.record import read_record
from src.speed.bulk_config import BulkConfig
from src.tasks import bench_bulk, bulk_worker
from src.tasks.bench_bulk import Timed, drawn_on, hash_of, measured_round, told


@pytest.fixture
def asked(config):
    bulk = BulkConfig(num_prompts=4, num_workers=2, pictures_per_pass=2)
    return config("bench_bulk", bulk=bulk)


def rounds(*of_files: str) -> list:
    """Importing takes 2 s; one worker draws 100 an hour in 10 s, two 150 in 8 s."""
    crews = [{1: Timed(10.0, 100.0, files), 2: Timed(8.0, 150.0, files)} for files in of_files]
    return [(2.0, by) for by in crews]


def test_each_crew_has_its_seconds_and_its_rate_beside_what_importing_takes(asked):
    found = {(each.name, each.subject): each for each in told(asked, rounds("same", "same"))}
    values = {key: each.value for key, each in found.items()}
    assert values == {
        ("seconds of importing torch and CLIP", "python -c"): 2.0,
        ("seconds of the whole command", "1 worker"): 10.0,
        ("seconds beyond importing", "1 worker"): 8.0,
        ("pictures an hour, models open", "1 worker"): 100.0,
        ("seconds of the whole command", "2 workers"): 8.0,
        ("seconds beyond importing", "2 workers"): 6.0,
        ("pictures an hour, models open", "2 workers"): 150.0,
        ("parallel efficiency", "2 workers"): 0.75,
    }
    assert found["parallel efficiency", "2 workers"].is_higher_better
    assert "4 pictures of as many prompts, 2 through the model at once" in (
        found["seconds beyond importing", "2 workers"].note
    )
    assert all(each.num_samples == 2 for each in found.values()), "rounds"


def test_one_worker_alone_has_no_efficiency(asked):
    alone = [(2.0, {1: Timed(10.0, 100.0, "same")})]
    assert "parallel efficiency" not in [each.name for each in told(asked, alone)]


def test_files_that_differ_are_no_measurement(asked):
    with pytest.raises(UserError, match="came out as different files: nothing was measured"):
        told(asked, rounds("same", "other"))


def test_files_are_the_same_by_name_and_content_but_for_notes_of_runs(tmp_path):
    def filled(name: str, **changes: str) -> str:
        contents = {"000/000000.png": "a", "metadata.jsonl": "b", "shards/0_of_1/note": "c"}
        for path, content in (contents | changes).items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_text(content)
        return hash_of(tmp_path / name)

    first = filled("first")
    assert filled("noted", **{"shards/0_of_1/note": "another"}) == first
    assert filled("drawn", **{"000/000000.png": "another"}) != first
    assert filled("more", **{"000/000001.png": "a"}) != first


def test_the_device_is_the_one_that_the_commands_choose(asked, monkeypatch):
    assert drawn_on(asked, 2) == "cpu"
    monkeypatch.setattr(bulk_worker, "GPU_FILES", ("null",))  # as if a driver were there
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert drawn_on(replace(asked, device="auto"), 2) == "cuda:0"
    assert drawn_on(replace(asked, device="cuda:1"), 2) == "cuda:1"
    assert drawn_on(asked, 2) == "cpu"


@pytest.mark.parametrize("num", [0, 32])
def test_what_the_commands_are_not_told_is_refused(num):
    with pytest.raises(UserError, match=rf"bulk\.num_alone={num} has no effect: .* leave it out"):
        composed(["+exp=bench_bulk", f"bulk.num_alone={num}"])
    assert composed(["+exp=draw_bulk", f"bulk.num_alone={num}"]).config.bulk.num_alone == num


def test_a_command_that_fails_is_told_in_its_last_words(asked, monkeypatch):
    monkeypatch.setattr(bench_bulk, "IMPORTS", "raise SystemExit('no such module')")
    with pytest.raises(UserError, match="a measured command failed: no such module"):
        measured_round(asked, [1])


@pytest.mark.slow
def test_both_crews_are_measured_and_recorded(asked, tmp_path, monkeypatch):
    monkeypatch.setattr(bench_bulk, "NUM_ROUNDS", 1)
    bench_bulk.run(replace(asked, output_dir=str(tmp_path / "out")), tmp_path / "unused")
    record = read_record(tmp_path / "out")
    rates = [each for each in record.measurements if each.name.startswith("pictures an hour")]
    assert [each.subject for each in rates] == ["1 worker", "2 workers"]
    assert all(each.value > 0 for each in rates)
    assert record.device.startswith("cpu")
