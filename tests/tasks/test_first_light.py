"""The main job: pictures, panel, table, page and record, each number with its sample count."""

import json
from dataclasses import replace

import pytest

from src.errors import UserError
from src.evaluation.config import EvaluationConfig
from src.report.record import read_record
from src.tasks import evaluate, first_light, outcome

pytestmark = pytest.mark.filterwarnings("ignore::src.evaluation.frechet.TooFewPictures")
PROMPTS = ["a large red sun on a white background", "a small green star on a yellow background"]


@pytest.fixture
def build(config, clip_folder):
    """A run of a task on the tiny model and the tiny CLIP, five prompts a kind."""

    def build(task: str, **changes):
        sizes = EvaluationConfig(clip=str(clip_folder), prompts_per_kind=5, num_reference=12)
        return config(task, evaluation=sizes, **changes)

    return build


def test_the_main_job_leaves_pictures_panel_page_and_record(build, tmp_path, capsys):
    first_light.run(build("first_light", prompts=PROMPTS), tmp_path)
    printed = capsys.readouterr().out
    record = read_record(tmp_path)
    names = {each.name for each in record.measurements}
    assert {"FD[tiny-clip]", "CLIP score[tiny-clip]"} <= names
    assert {"whole scene right: one object", "whole scene right: two objects"} <= names
    assert all(each.num_samples in (5, 10) for each in record.measurements)
    assert set(record.weights) == {"model", "tiny-clip"}
    assert record.seeds["pictures"] == [0, 1]
    for name in ("pictures.png", "steps.png", "test_prompts.png", "record.json"):
        assert (tmp_path / name).is_file()
        assert f"{tmp_path.name}/{name}" in printed
    assert "FD[tiny-clip]" in printed


def test_the_same_evaluation_twice_gives_the_same_numbers_and_identity(build, tmp_path):
    for name in ("a", "b"):
        evaluate.run(build("evaluate"), tmp_path / name)
    first, second = read_record(tmp_path / "a"), read_record(tmp_path / "b")
    assert first.measurements == second.measurements
    assert first.identity == second.identity


def test_the_committed_record_is_replaced_only_when_asked(build, tmp_path, monkeypatch):
    monkeypatch.setattr(outcome, "RECORDS", tmp_path / "experiments")
    evaluate.run(build("evaluate"), tmp_path / "run")
    assert not (tmp_path / "experiments").exists()
    evaluate.run(build("evaluate", save_record=True), tmp_path / "again")
    committed = tmp_path / "experiments" / "evaluate" / "record.json"
    assert json.loads(committed.read_text())["name"] == "evaluate"


def test_scenes_of_another_size_than_the_model_draws_are_refused(build, tmp_path):
    chosen = build("evaluate", data=replace(build("evaluate").data, picture_size=64))
    with pytest.raises(UserError, match="32x32 pixels"):
        evaluate.run(chosen, tmp_path)
