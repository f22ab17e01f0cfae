"""Sweeps: checked whole before they start, killed anywhere and taken up again, never done twice."""

import json
import os
import signal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from src.compose import composed
from src.errors import UserError
from src.report.cells import write_cell
from src.run import main
from src.tasks import ablate
from src.tasks.sweep import factors_of
from src.whole_files import alone_in
from tests.training.children import die, in_child

pytestmark = [
    pytest.mark.filterwarnings("ignore::src.evaluation.frechet.TooFewPictures"),
    pytest.mark.slow,  # Hydra composes every cell of every sweep: seconds each
]
STEPS = (1, 2, 3)


@pytest.fixture
def command(model_folder, clip_folder, tmp_path):
    """The command line of a sweep over three numbers of steps, 12 pictures a cell."""

    def build(*changes: str, home: Path = tmp_path / "home", steps=STEPS) -> list[str]:
        return [
            "+exp=ablate_steps",
            f"sampler.num_steps={','.join(map(str, steps))}",
            f"model={model_folder}",
            *("data.glyphs=[sun,star,heart]", "data.colors=[red,green]", "data.positions=0"),
            *("data.backgrounds=[white,yellow]", "data.held_out=[]", "device=cpu"),
            *(f"evaluation.clip={clip_folder}", "evaluation.prompts_per_kind=6"),
            *("evaluation.num_reference=12", f"output_dir={home}", *changes),
        ]

    return build


def table(home: Path) -> dict:
    """The table but for times."""
    columns = pq.read_table(home / "table.parquet").to_pydict()
    return {
        name: values
        for name, values in columns.items()
        if "seconds" not in name and name != "recorded"
    }


def pictures(home: Path) -> dict:
    """Every cell's pictures, but for times."""
    found = {path.parent.name: pq.read_table(path) for path in home.glob("cells/[!.]*/*.parquet")}
    return {key: each.drop_columns(["seconds"]).to_pydict() for key, each in found.items()}


def moments(home: Path) -> dict[str, int]:
    """When each cell was written."""
    return {
        path.parent.name: path.stat().st_mtime_ns for path in home.glob("cells/[!.]*/record.json")
    }


@pytest.fixture(scope="module")
def _whole():
    return {}


@pytest.fixture
def whole(command, _whole, tmp_path_factory):
    """The home of a sweep that nothing happened to; it also loads what forked children need."""
    if "home" not in _whole:
        home = tmp_path_factory.mktemp("whole")
        assert main(command(home=home / "warm", steps=(1,))) == 0
        assert in_child(lambda: exit_with(command(home=home))) == 0
        _whole["home"] = home
    return _whole["home"]


def exit_with(arguments: list[str]) -> None:
    raise SystemExit(main(arguments))


def plant(monkeypatch, name: str, fault) -> None:
    """Let a function of the cell's task tell its configuration to `fault` first."""
    real = getattr(ablate, name)

    def faulty(*args):
        fault(*args)
        return real(*args)

    monkeypatch.setattr(ablate, name, faulty)


def test_a_sweep_leaves_a_row_a_cell_and_an_answer(whole):
    found = table(whole)
    assert found["sampler.num_steps"] == [1, 2, 3]
    assert found["passes a picture"] == [2, 4, 6]
    assert len(set(found["FD[tiny-clip]"])) == 3
    assert sorted(found["cell"]) == sorted(moments(whole))
    assert found["whole scene right: all prompts, pictures"] == [12] * 3
    assert "What can be concluded" in (whole / "README.md").read_text()
    for name in ("effect.png", "pareto.png", "page.html", "record.json"):
        assert (whole / name).is_file()
    record = json.loads((whole / "record.json").read_text())
    assert record["settings"]["sampler.num_steps"] == 12  # the experiment's, without its grid
    subjects = {each["subject"] for each in record["measurements"]}
    assert subjects == {"num_steps=1", "num_steps=2", "num_steps=3"}


def test_every_cell_is_asked_the_same(whole):
    cells = list(pictures(whole).values())
    assert len(cells) == 3
    for each in cells:
        assert each["prompt"] == cells[0]["prompt"]
        assert each["seed"] == list(range(12))
        assert each["kind"] == ["one object"] * 6 + ["two objects"] * 6
    assert len({tuple(each["clip_score"]) for each in cells}) == 3


KILLS = {
    "while the second cell is drawn": ("generate_pictures", 17),
    "before the second cell has its name": ("rename", 1),
    "after the second cell has its name": ("renamed", 1),
    "in the last table": ("table", 1),
}


def kill_at(moment: str, number: int) -> None:
    """From now on, die at that moment's n-th time."""
    times = 0

    def reached(*_) -> None:
        nonlocal times
        times += 1
        if times == number + 1:
            die()

    if moment == "generate_pictures":
        real_generate = ablate.generate_pictures
        ablate.generate_pictures = lambda *args, **named: (
            reached(),
            real_generate(*args, **named),
        )[1]
        return
    function = "replace" if moment == "table" else "rename"
    real = getattr(os, function)

    def around(source, target):
        counts = moment != "table" or str(target).endswith("table.parquet")
        if counts and moment != "renamed":
            reached()
        real(source, target)
        if moment == "renamed":
            reached()

    setattr(os, function, around)


@pytest.mark.parametrize("kill", KILLS)
def test_a_killed_sweep_goes_on_where_it_was(kill, command, whole, tmp_path):
    home = tmp_path / "home"

    def doomed() -> None:
        kill_at(*KILLS[kill])
        exit_with(command())

    assert in_child(doomed) == -signal.SIGKILL, "nothing was killed"
    before = moments(home)
    num_left = {"while": 1, "before": 1, "after": 2, "in": 3}[kill.split()[0]]
    assert len(before) == num_left
    assert in_child(lambda: exit_with(command())) == 0
    after = moments(home)
    assert len(after) == 3
    assert before.items() <= after.items(), "a finished cell was touched"
    assert table(home) == table(whole)
    assert pictures(home) == pictures(whole)


WITHOUT_THEM_INVALID = {  # what all cells have is of use only to what is swept
    "then": ["sampler.name=halton", "sampler.then=moment,entropy", "sampler.then_after=0.3"],
    "remask": ["sampler=remask,ancestral", "sampler.remask.strategy=rescale"],
}


@pytest.mark.parametrize("case", WITHOUT_THEM_INVALID)
def test_values_that_alone_make_the_setting_valid_are_swept_and_answered(case, command, tmp_path):
    assert main(command(*WITHOUT_THEM_INVALID[case], steps=(3,))) == 0
    text = (tmp_path / "home" / "README.md").read_text()
    first = {"then": "then=moment", "remask": "sampler=remask"}[case]
    assert f"against `{first}`" in text


def test_the_same_command_again_draws_nothing(command, whole, monkeypatch):
    before = moments(whole)
    plant(monkeypatch, "measure_cell", lambda *_: pytest.fail("drawn again"))
    assert main(command(home=whole)) == 0
    assert moments(whole) == before


def test_more_values_draw_only_what_is_new(command, tmp_path):
    home = tmp_path / "home"
    assert main(command(steps=(1, 2))) == 0
    before = moments(home)
    assert main(command(steps=(2, 3, 1))) == 0
    assert before.items() < moments(home).items()
    assert table(home)["sampler.num_steps"] == [2, 3, 1]


def test_a_job_that_raises_once_is_tried_again(command, tmp_path, monkeypatch, whole):
    seen = []

    def fault(config, bench):
        seen.append(config.sampler.num_steps)
        if seen.count(2) == 1 and seen[-1] == 2:
            raise RuntimeError("lost")

    plant(monkeypatch, "draw", fault)
    assert main(command()) == 0
    assert seen == [1, 2, 3, 2], "the others are not drawn again"
    assert_close(table(tmp_path / "home"), table(whole))


def assert_close(found: dict, expected: dict) -> None:
    """Equal, but for what another number of threads does to the last digits of a distance."""
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        is_number = all(isinstance(value, float) for value in values)
        assert found[name] == (pytest.approx(values, rel=1e-4) if is_number else values)


@pytest.mark.parametrize("retries", [0, 2])
def test_a_job_that_always_raises_is_listed_after_its_retries(
    retries, command, tmp_path, monkeypatch, capsys
):
    seen = []

    def fault(config, bench):
        seen.append(config.sampler.num_steps)
        if config.sampler.num_steps == 2:
            raise RuntimeError("lost")

    plant(monkeypatch, "draw", fault)
    assert main(command(f"ablation.retries={retries}")) == 1
    assert seen.count(2) == 1 + retries
    told = capsys.readouterr().err
    assert "RuntimeError: lost" in told
    assert "1 of 3 cells are missing: num_steps=2" in told
    assert table(tmp_path / "home")["sampler.num_steps"] == [1, 3]
    assert not (tmp_path / "home" / "README.md").exists(), "no answer to half a question"


def test_a_refusal_inside_a_job_ends_in_status_two_and_is_not_tried_again(
    command, tmp_path, monkeypatch, capsys
):
    seen = []

    def fault(config, bench):
        seen.append(config.sampler.num_steps)
        if config.sampler.num_steps == 2:
            raise UserError("This cell cannot be.")

    plant(monkeypatch, "draw", fault)
    assert main(command()) == 2
    assert seen == [1, 2, 3]
    told = capsys.readouterr().err.splitlines()
    assert told[-2:] == [
        "This cell cannot be.",
        "1 of 3 cells are missing: num_steps=2. The same command runs them alone.",
    ]


def test_two_sweeps_at_once_in_one_place_are_refused(command, tmp_path, capsys):
    home = tmp_path / "home"
    with alone_in(home):
        assert main(command()) == 2
    told = capsys.readouterr().err
    assert told == f"Another process is at work in {home}: wait for its end, or end it.\n"
    assert not (home / "cells").exists()


def test_cells_of_other_settings_are_listed_and_left_out(command, tmp_path, capsys):
    home = tmp_path / "home"
    assert main(command(steps=(1, 2))) == 0
    old = set(moments(home))
    capsys.readouterr()
    assert main(command("micro_cond.aesthetic_score=5", steps=(1, 2))) == 0
    told = capsys.readouterr().out
    for key in old:
        moved = "the configuration has moved on: micro_cond.aesthetic_score."
        assert f"Left out: cell {key}, {moved}" in told
    assert not old & set(table(home)["cell"])


def test_a_cell_of_other_code_and_a_torn_one_are_measured_again(command, tmp_path, capsys):
    home = tmp_path / "home"
    assert main(command(steps=(1, 2))) == 0
    before = moments(home)
    stale, torn = before
    path = home / "cells" / stale / "record.json"
    record = json.loads(path.read_text())
    record["code_used"]["src/sampler"] = "another"
    path.write_text(json.dumps(record))
    (home / "cells" / torn / "pictures.parquet").unlink()
    capsys.readouterr()
    assert main(command(steps=(1, 2))) == 0
    told = capsys.readouterr().out
    assert f"Left out: cell {stale}, the code has changed: src/sampler." in told
    assert f"Left out: cell {torn}, it cannot be read." in told
    assert len(pictures(home)) == 2
    assert json.loads(path.read_text())["code_used"]["src/sampler"] != "another"


IMPOSSIBLE = {
    "a value in the middle": (["sampler.num_steps=2,0,4"], "num_steps=0 is impossible"),
    "an unknown sampler": (["sampler.name=confidence,halton_"], "sampler 'halton_' is unknown"),
    "one cell twice": (["sampler.num_steps=2,2"], "Two jobs of this sweep are one cell"),
    "a key without effect on numbers": (["device=cpu,auto"], "device=auto and device=cpu are one"),
    "two homes": (["output_dir=a,b"], "output_dir has several values in one sweep (a, b)"),
    "an unknown launcher": (["hydra/launcher=jobli"], "hydra/launcher/jobli"),
    "a model that is not there": (["model=embedded,./nowhere"], "nowhere"),
    "a baseline outside the grid": (['ablation.baseline=["sampler.num_steps=5"]'], "is 0 of the"),
    "cells with other seeds": (["evaluation.first_picture_seed=0,9"], "has several values"),
    "cells with other prompts": (["evaluation.prompts_per_kind=6,7"], "has several values"),
    "cells of other worlds": (["data.backgrounds=[white],[yellow]"], "is asked other prompts than"),
    "words that CLIP lacks": (["prompts_file=conf/on/general_prompts.txt"], "word 'lighthouse'"),
    "a measure of no picture": (["ablation.measure=right", "prompts_file=x"], "no oracle can tell"),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_what_cannot_be_is_refused_before_the_first_cell(case, command, tmp_path, capsys):
    changes, said = IMPOSSIBLE[case]
    keys = {text.partition("=")[0] for text in changes}
    own = [text for text in command(steps=(1,)) if text.partition("=")[0] not in keys]
    assert main([*own, *changes]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert not (tmp_path / "home" / "cells").exists()


def test_factors_are_what_differs_between_the_jobs():
    jobs = [["+exp=a", f"seed={seed}", f"sampler={name}"] for seed in "12" for name in "xy"]
    assert factors_of(jobs)[1] == {"seed": "1", "sampler": "y"}
    assert factors_of(jobs[:1]) == [{}]


def test_sweeps_that_start_in_the_same_second_have_folders_of_their_own():
    folders = {str(composed(["+exp=ablate_steps"]).tree.hydra.sweep.dir) for _ in range(20)}
    assert len(folders) == 20


def test_a_cell_replaces_an_older_one_whole(whole, tmp_path):
    key = sorted(moments(whole))[0]
    from src.report.cells import open_cell

    cell = open_cell(whole / "cells" / key)
    (tmp_path / "cells" / f".{key}.new").mkdir(parents=True)  # of a killed writer
    for _ in range(2):
        place = write_cell(cell.record, {"seed": [1]}, tmp_path)
    assert place.name == key
    assert [path.name for path in (tmp_path / "cells").iterdir()] == [key]
