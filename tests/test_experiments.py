"""Every file of conf/exp: composes, is named after its file, says what it is for."""

import json

import pytest

from src.compose import composed, jobs_of
from src.errors import UserError
from src.experiments import CONF, RECORDS, experiments, own_grid, read_header
from src.task_settings import SWEPT
from src.tasks.inputs import read_prompts

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


ABLATIONS = [header.name for header in HEADERS if header.task in SWEPT]


@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablation_runs_on_amused_by_one_override(name):
    grid = own_grid(name)
    jobs = list(jobs_of([f"+exp={name}", "+on=amused_256", *(f"{k}={v}" for k, v in grid.items())]))
    for job in (jobs[0], jobs[-1]):
        config = composed(job).config
        assert config.model == ("amused_256" if "model" not in grid else config.model)
        assert config.evaluation.clip == "openai/clip-vit-large-patch14"
        assert len(set(read_prompts(config))) == 40
        if "sampler.guidance_scale" not in grid:
            assert config.sampler.guidance_scale == 10
        if config.task == "ablate_training":
            assert config.training.preset == "amused_256"
            assert (config.data.glyphs, config.data.picture_size) == ([], 256)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["+on=amused_256", "+exp=ablate_steps"], "after \\+exp=NAME"),
        (["+exp=ablate_steps", "+on=amused_256", "+on=amused_256"], "given once"),
        (["+exp=ablate_steps", "on=amused_256"], "added with a plus: \\+on=amused_256"),
        (["+exp=ablate_steps", "+on=amused_25"], "did you mean 'amused_256'"),
        (["+exp=doctor", "+on=amused_256"], "the task doctor takes no prompts of a file"),
    ],
)
def test_what_an_experiment_cannot_be_run_on_is_refused(typed, said):
    with pytest.raises(UserError, match=said):
        composed(typed)


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
    assert folders | records <= names | {"verify", "theatre"}  # the latter two ask no question
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
