"""Every file of conf/exp: composes, is named after its file, says what it is for."""

import json

import pytest

from src.compose import composed
from src.errors import UserError
from src.experiments import CONF, RECORDS, experiments, read_header

FILES = sorted((CONF / "exp").glob("*.yaml"))
HEADERS = experiments()
ONE_PROMPT = ['prompts=["a red heart"]']  # what these commands cannot do without
GIVEN = {"generate": ONE_PROMPT, "observe": ONE_PROMPT}
GIVEN |= {"evaluate_pictures": ["pictures.folders=[x]"], "compare": ["runs=[a,b]"]}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_experiment_composes_and_is_named_after_its_file(path):
    config = composed([f"+exp={path.stem}", *GIVEN.get(path.stem, [])]).config
    assert config.name == path.stem
    assert (CONF.parent / "src" / "tasks" / f"{config.task}.py").is_file()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_header_holds_a_question_and_a_command_that_runs_it(path):
    header = read_header(path)
    assert header.question.rstrip(".").strip()
    assert header.command.startswith("python -m src.run ")
    assert f"+exp={path.stem}" in header.command
    assert path.read_text(encoding="utf-8").startswith("# @package _global_\n")


@pytest.mark.parametrize("header", HEADERS, ids=lambda header: header.name)
def test_experiments_have_a_folder_and_commands_have_none(header):
    assert (RECORDS / header.name / "README.md").is_file() == (header.kind == "experiment")


def test_every_folder_of_records_belongs_to_an_experiment():
    names = {header.name for header in HEADERS if header.kind == "experiment"}
    folders = {path.parent.name for path in RECORDS.glob("*/README.md")}
    records = {path.parent.name for path in RECORDS.glob("*/record.json")}
    assert folders | records <= names | {"verify"}
    for name in records - {"verify"}:
        assert json.loads((RECORDS / name / "record.json").read_text())["name"] == name


def test_the_main_job_stands_first():
    assert HEADERS[0].name == "first_light"


def test_a_header_that_lacks_its_question_is_named(tmp_path):
    path = tmp_path / "idle.yaml"
    path.write_text("# @package _global_\n# Command: x\n# Expect: y\n# Cost: z\nname: idle\n")
    with pytest.raises(UserError, match=r"idle\.yaml.*'question'"):
        read_header(path)


def test_a_header_may_run_over_several_lines(tmp_path):
    path = tmp_path / "idle.yaml"
    path.write_text(
        "# Question: is it\n#   long?\n# Command: x\n# Expect: y\n# Cost: z\n"
        "name: idle\nkind: command\ntask: doctor\n"
    )
    assert read_header(path).question == "is it long?"
