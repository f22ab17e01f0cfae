"""From the typed line to the files: a run, a sweep, and a refusal that comes from a task."""

import pytest

from src.run import main

PROMPT = 'prompts=["a red star"]'


@pytest.fixture
def typed(model_folder, tmp_path):
    """The line for one picture of the tiny model, its folder below tmp_path."""
    settings = ("sampler.num_steps=2", "device=cpu", f"model={model_folder}")
    return ["+exp=generate", *settings, f"hydra.run.dir={tmp_path}/run"]


def test_a_typed_line_becomes_a_picture(typed, tmp_path, capsys):
    assert main([*typed, PROMPT]) == 0
    assert (tmp_path / "run" / "00000.png").is_file()
    assert f"{tmp_path}/run" in capsys.readouterr().out.replace("\n", "")
    assert (tmp_path / "run" / ".hydra" / "config.yaml").is_file()


def test_a_sweep_runs_every_value_and_its_status_tells_of_one_refusal(typed, tmp_path, capsys):
    sweep = ["-m", *typed, PROMPT, f"hydra.sweep.dir={tmp_path}/sweep", "height=32,33,64"]
    assert main(sweep) == 2
    assert "height=33" in capsys.readouterr().err
    made = {path.parent.name for path in (tmp_path / "sweep").rglob("00000.png")}
    assert made == {"0", "2"}


@pytest.mark.parametrize(
    ("typed_too", "said"),
    [
        ([PROMPT, "model=/nowhere/model"], "/nowhere/model"),
        ([PROMPT, "model=amused_257"], "amused_257"),
        ([PROMPT, "height=30"], "height=30"),
        ([PROMPT, "device=cuda:63"], "device='cuda:63'"),
        (["prompts_file=/nowhere/prompts.txt"], "/nowhere/prompts.txt"),
        ([PROMPT, "output_dir=/dev/null/pictures"], "/dev/null"),
    ],
)
def test_what_only_the_task_can_see_is_refused_in_one_sentence(typed, capsys, typed_too, said):
    assert main([*typed, *typed_too]) == 2
    output = capsys.readouterr()
    assert said in output.err
    assert output.err.count("\n") == 1
    assert "Traceback" not in output.err + output.out


def test_a_prompt_longer_than_the_window_is_a_warning_that_shows_what_was_cut(typed, capsys):
    long = "prompts=[" + " ".join(["a red star"] * 20) + " zebra]"
    with pytest.warns(UserWarning, match="zebra"):
        assert main([*typed, long]) == 0
