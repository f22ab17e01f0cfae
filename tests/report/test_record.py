"""A record says what a number depends on, and notices when that has moved on."""

import json
import shutil
import subprocess

import pytest

from src.errors import UserError
from src.evaluation.measurement import Measurement
from src.experiments import ROOT
from src.report.code_at_start import code_at_start
from src.report.code_used import code_used
from src.report.record import (
    config_difference,
    make_record,
    read_record,
    stale_reasons,
    write_record,
)

DEFAULTS = {
    "task": "evaluate",
    "device": "auto",
    "save_record": False,
    "sampler": {"num_steps": 12, "guidance_scale": 10.0},
    "training": {"log_every": 20, "batch_size": 64},
}
CONFIG = DEFAULTS | {"sampler": {"num_steps": 8, "guidance_scale": 10.0}, "device": "cuda"}
WEIGHTS = {"model": "0123456789ab", "glyph-clip": "ba9876543210"}


@pytest.fixture
def root(tmp_path):
    """A small repository with one commit."""
    (tmp_path / "src").mkdir()
    files = {
        "tasks/evaluate.py": "from src.sampler import step\nimport src.config",
        "sampler/step.py": "def draw():\n    from src.masking.schedule import cosine",
        "masking/schedule.py": "import math",
        "training/fit.py": "import src.sampler.step",
        "config.py": "import src.training.fit",
    }
    for name, content in files.items():
        (tmp_path / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / name).write_text(content)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text("name: x\n")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "All there is"]):
        who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        subprocess.run(["git", "-C", tmp_path, *who, *arguments], check=True)
    return tmp_path


@pytest.fixture
def record(root):
    return make_record(
        "steps",
        "python -m src.run +exp=steps",
        CONFIG,
        DEFAULTS,
        [
            Measurement("FD[glyph-clip]", 1.25, 500, num_reference=1000, is_higher_better=False),
            Measurement("whole scene right: one object", 0.9, 500, 0.87, 0.92, is_share=True),
        ],
        weights=WEIGHTS,
        seeds={"pictures": [0, 1]},
        device="cpu, 2 threads",
        seconds=12.345,
        data_hash="d" * 12,
        root=root,
    )


def reasons(record, root, config=CONFIG, **changes):
    return stale_reasons(record, config, DEFAULTS, **changes, root=root)


def test_what_is_written_is_what_is_read(record, tmp_path):
    path = write_record(record, tmp_path / "run")
    assert read_record(path) == record
    assert read_record(tmp_path / "run") == record
    assert [file.name for file in path.parent.iterdir()] == ["record.json"]  # no half file left


def test_it_holds_what_the_number_depends_on(record, tmp_path):
    entries = json.loads(write_record(record, tmp_path).read_text())
    assert entries["config_difference"] == {"sampler.num_steps": 8}
    assert entries["weights"] == WEIGHTS
    assert entries["measurements"][0]["num_samples"] == 500
    assert entries["seconds"] == 12.35
    assert entries["is_dirty"] is False
    assert set(entries["code"]) == {"src", "conf"}
    assert set(entries["code_used"]) == {"src/masking", "src/sampler", "src/tasks"}
    assert entries["settings"]["training.batch_size"] == 64
    assert {"torch", "clean-fid", "torchmetrics", "python"} <= set(entries["versions"])


def test_a_record_of_what_is_here_is_current(record, root):
    assert reasons(record, root, weights=WEIGHTS, data_hash="d" * 12) == []


def test_settings_that_change_no_number_leave_it_current(record, root):
    moved = CONFIG | {"device": "cpu", "save_record": True}
    moved["training"] = {"log_every": 5, "batch_size": 64}
    assert reasons(record, root, moved) == []


def test_a_setting_that_moved_on_is_named(record, root):
    moved = CONFIG | {"sampler": {"num_steps": 5, "guidance_scale": 3.0}}
    assert reasons(record, root, moved) == [
        "the configuration has moved on: sampler.guidance_scale, sampler.num_steps"
    ]
    back_to_default = reasons(record, root, DEFAULTS)
    assert back_to_default == ["the configuration has moved on: sampler.num_steps"]


def test_a_default_that_moved_on_is_named_and_a_new_setting_at_its_default_is_none(record, root):
    moved = DEFAULTS["sampler"] | {"guidance_scale": 3.0}
    now = DEFAULTS | {"sampler": moved | {"num_steps": 8}, "frames": 1}
    found = stale_reasons(record, now, DEFAULTS | {"sampler": moved, "frames": 1}, root=root)
    assert found == ["the configuration has moved on: sampler.guidance_scale"]
    now["frames"] = 2
    found = stale_reasons(record, now, DEFAULTS | {"frames": 1}, root=root)
    assert found == ["the configuration has moved on: frames, sampler.guidance_scale"]


def test_other_weights_data_or_code_are_each_named(record, root):
    assert reasons(record, root, weights=WEIGHTS | {"model": "f" * 12}) == [
        "the weights of model have changed"
    ]
    assert reasons(record, root, data_hash="e" * 12) == ["the data has changed"]
    (root / "src" / "masking" / "schedule.py").write_text("import cmath")
    assert reasons(record, root) == ["the code has changed: src/masking"]


def test_code_edited_while_a_run_goes_on_is_not_what_its_record_says_it_ran(root):
    before = code_at_start("evaluate", root)
    (root / "src" / "masking" / "schedule.py").write_text("import cmath")
    settings = {"weights": WEIGHTS, "seeds": {}, "device": "cpu", "seconds": 1.0}
    record = make_record("steps", "", CONFIG, DEFAULTS, [], root=root, **settings)
    assert (record.code_used, record.code, record.is_dirty) == (before.used, before.trees, False)
    assert reasons(record, root) == ["the code has changed: src/masking"]


def test_a_rule_of_the_sampler_is_code_of_every_task_that_samples(tmp_path):
    """The rules are loaded by their names, which no import statement says."""
    for folder in ("src", "conf"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    tasks = (
        "generate",
        "ablate",
        "ablate_training",
        "autotune",
        "report_quality",
        "report_parameters",
    )
    before = {task: code_used(task, tmp_path) for task in tasks}
    with (tmp_path / "src" / "sampler" / "rules" / "halton.py").open("a") as file:
        file.write("# another order\n")
    changed = {task for task in tasks if code_used(task, tmp_path) != before[task]}
    assert changed == {*tasks} - {"report_parameters"}


def test_code_that_the_task_never_imports_leaves_it_current(record, root):
    for name in ("training/fit.py", "config.py", "tasks/train.py"):
        (root / "src" / name).write_text("print(2)")
    assert reasons(record, root) == []


def test_the_identity_follows_settings_weights_and_data_and_nothing_else(record, root):
    def identity(config=CONFIG, weights=WEIGHTS, seconds=1.0):
        settings = {"seeds": {}, "device": "cpu", "seconds": seconds, "data_hash": "d" * 12}
        return make_record(
            "steps", "", config, DEFAULTS, [], weights=weights, root=root, **settings
        ).identity

    assert identity() == identity(seconds=9.0) == record.identity
    assert identity(config=DEFAULTS) != record.identity
    assert identity(weights={"model": "f" * 12}) != record.identity


def test_a_default_that_is_spelled_out_is_no_difference():
    assert config_difference({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}) == {"a.c": 2}
    assert config_difference({"a": [1, 2]}, {"a": [1, 2]}) == {}


def test_a_missing_and_a_damaged_record_are_one_sentence_each(record, tmp_path):
    with pytest.raises(UserError, match="There is no record"):
        read_record(tmp_path / "record.json")
    path = write_record(record, tmp_path)
    path.write_text(path.read_text()[:100])
    with pytest.raises(UserError, match="is no record"):
        read_record(path)
    path.write_text('{"measurements": [], "colour": "red"}')
    with pytest.raises(UserError, match=r"is no record .*; its keys are name, command"):
        read_record(path)
