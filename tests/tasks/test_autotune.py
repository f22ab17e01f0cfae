"""The autotuner: searches on prompts that judge nothing and leaves a file a sampler follows."""

import json
import shlex
from dataclasses import replace

import pytest

from src.config import check
from src.data.examples import example
from src.data.scenes import World
from src.errors import UserError
from src.evaluation.ablation_config import AblationConfig
from src.evaluation.cell import ask_world
from src.evaluation.config import EvaluationConfig
from src.evaluation.features import ClipEncoder
from src.evaluation.tuning import practise_prompts, practise_world, worth
from src.evaluation.tuning_config import TuningConfig
from src.run import main
from src.sampler.config import SamplerConfig
from src.sampler.plan import make_plan
from src.sampler.search_space import settings_at
from src.sampler_file import read_sampler
from src.tasks import autotune
from tests.tasks.conftest import WORLD

pytestmark = pytest.mark.filterwarnings("ignore::src.evaluation.frechet.TooFewPictures")
TUNING = TuningConfig(
    num_trials=3, num_prompts=4, num_finalists=2, finalist_prompts=4, baseline_steps=4, num_knots=2
)


@pytest.fixture
def tuned(config, clip_folder, tmp_path):
    """Runs a small search in a folder and gives that folder."""

    def run(folder: str = "home", **changes):
        judging = {"clip": str(clip_folder), "prompts_per_kind": 5, "num_reference": 12}
        chosen = config(
            "autotune",
            evaluation=EvaluationConfig(**judging),
            output_dir=str(tmp_path / folder),
            **{"tuning": TUNING, **changes},
        )
        autotune.run(chosen, tmp_path / "unused")
        return tmp_path / folder

    return run


def trials(home) -> dict[str, str]:
    return {path.name: path.read_text() for path in home.glob("trials/*/*.json")}


def test_it_leaves_a_file_to_follow_figures_and_an_answer(tuned, capsys):
    home = tuned()
    blank = SamplerConfig(guidance_scale=None, schedule=None, path=str(home / "sampler.json"))
    found = read_sampler(blank)
    assert found.num_steps == 3
    assert len(found.guidance_scales) == 3
    assert found.schedule.startswith("by_hand:")
    text = (home / "README.md").read_text()
    assert "untuned, 4 steps" in text
    assert "found at random, 3 steps" in text
    for name in ("search.png", "curves.png", "effect.png", "trials.parquet", "record.json"):
        assert (home / name).is_file()
        assert not name.endswith("png") or name in text
    names = sorted(trials(home))
    assert len(names) == 2 * (3 + 2)
    assert names[0] == "random_0000.json"
    told = json.loads((home / "sampler.json").read_text())
    assert told["found_by"] == "autotune"
    assert told["trials"] == 3
    assert 0 <= told["best_value_of_a_trial"] <= 1
    assert f"sampler.path={home / 'sampler.json'}" in capsys.readouterr().out.replace("\n", "")


def test_the_first_trial_is_the_untuned_sampler(tuned, config):
    home = tuned(sampler=SamplerConfig(num_steps=3, guidance_scale=10.0, schedule="square"))
    told = json.loads(trials(home)["tpe_0000.json"])
    base = SamplerConfig(num_steps=3, guidance_scale=10.0, schedule="square")
    first = settings_at(told["point"], base, TUNING.num_knots)
    for own, now in zip(make_plan(base), make_plan(first), strict=True):
        assert now._replace(config=base) == own


@pytest.mark.slow
def test_other_finalists_of_more_trials_are_drawn_again(tuned):
    tuned()
    home = tuned(tuning=replace(TUNING, num_trials=6, num_finalists=1))
    found = {name: json.loads(text) for name, text in trials(home).items()}
    for how in ("tpe", "random"):
        made = [found[f"{how}_{number:04d}.json"] for number in range(6)]
        best = max(made, key=lambda trial: trial["value"])
        assert found[f"{how}_again_0000.json"]["point"] == best["point"]


def test_other_steps_seeds_and_models_have_homes_of_their_own(config, clip_folder):
    evaluation = EvaluationConfig(clip=str(clip_folder), prompts_per_kind=5, num_reference=12)

    def home(**changes):
        chosen = config("autotune", tuning=TUNING, evaluation=evaluation, **changes)
        return autotune.open_tuner(chosen).home

    homes = [home(), home(seed=1), home(sampler=SamplerConfig(num_steps=4, guidance_scale=2.0))]
    assert len({*homes}) == 3
    assert home() == homes[0]
    assert homes[2].name.startswith("4_steps_")


@pytest.mark.slow
def test_the_record_holds_the_command_that_was_given(model_folder, clip_folder, tmp_path):
    home = tmp_path / "home"
    typed = ["+exp=autotune", "sampler.num_steps=3", "tuning.num_trials=2", "tuning.num_prompts=4"]
    typed += ["tuning.num_finalists=1", "tuning.finalist_prompts=4", "seed=7"]
    typed += ["data.glyphs=[sun,star,heart]", "data.colors=[red,green]", "data.positions=0"]
    typed += ["data.backgrounds=[white,yellow]", "data.held_out=[]", f"model={model_folder}"]
    typed += [f"evaluation.clip={clip_folder}", "evaluation.prompts_per_kind=5"]
    typed += ["evaluation.num_reference=12", "device=cpu"]
    assert main([*typed, f"output_dir={home}", f"hydra.run.dir={tmp_path / 'run'}"]) == 0
    command = json.loads((home / "record.json").read_text())["command"]
    given = shlex.split(command)
    assert given[:3] == ["python", "-m", "src.run"]
    assert set(typed) <= {*given}
    assert f"`{command}`" in (home / "README.md").read_text()


def test_a_baseline_that_nothing_is_called_is_refused_before_the_search(tuned, tmp_path):
    asked = AblationConfig(baseline=["sampler=untuned, 5 steps"])
    with pytest.raises(UserError, match=r"is 0 of the cells; choose one of sampler=untuned, 4"):
        tuned(ablation=asked)
    assert not (tmp_path / "home").exists()


def test_a_search_that_was_killed_ends_as_one_that_was_not(tuned, monkeypatch):
    whole = tuned("whole")
    real, calls = autotune.worth, []

    def killed(*args):
        calls.append(args)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(autotune, "worth", killed)
    with pytest.raises(KeyboardInterrupt):
        tuned("killed")
    monkeypatch.setattr(autotune, "worth", real)
    home = tuned("killed")
    assert trials(home) == trials(whole)
    for name in ("sampler.json", "trials.parquet", "search.png", "curves.png"):
        assert (home / name).read_bytes() == (whole / name).read_bytes()


def test_no_prompt_of_the_trials_judges_the_outcome():
    world = World(WORLD)
    tuning = TuningConfig(num_prompts=40, finalist_prompts=40)
    trial, final = practise_world(world, tuning)
    judges = ask_world(world, EvaluationConfig(prompts_per_kind=40, num_reference=2))
    assert len(trial.captions) == len(final.captions) == 40
    assert not {*trial.captions, *final.captions} & set(judges.captions)
    assert len({*trial.seeds, *final.seeds, *judges.seeds}) == 40 + 40 + 80


def test_a_real_picture_of_its_scene_is_worth_all_and_another_scenes_less(clip_folder):
    world = World(WORLD)
    practice, _ = practise_world(world, TuningConfig(num_prompts=16, finalist_prompts=2))
    clip = ClipEncoder.open(clip_folder, "tiny")
    real = [example(world, 50_000, i, "train", 1 + i % 2, 0.0).picture for i in range(16)]
    assert worth(practice, real, clip).mean() == 1.0
    turned = worth(practice, real[2:] + real[:2], clip)
    assert turned.mean() < 0.7
    assert ((turned >= 0) & (turned <= 1)).all()


def test_prompts_of_files_may_not_be_on_both_sides():
    tuning = TuningConfig(num_prompts=2, finalist_prompts=2)
    trial, final = practise_prompts(["a", "b", "c", "d", "e"], ["x"], tuning)
    assert (trial.captions, final.captions) == (["a", "b"], ["c", "d"])
    with pytest.raises(UserError, match="share 1 prompts, as 'b'"):
        practise_prompts(["a", "b", "c", "d"], ["b"], tuning)
    with pytest.raises(UserError, match="has 3 prompts"):
        practise_prompts(["a", "b", "c"], ["x"], tuning)


@pytest.mark.parametrize(
    ("tuning", "sampler", "sentence"),
    [
        ({"num_knots": 9}, {"num_steps": 8}, r"num_knots=9 .* from 1 to 8"),
        ({"num_finalists": 300}, {}, r"num_finalists=300 is impossible"),
        ({"prompts_file": "a.txt"}, {}, "go together"),
        ({}, {"guidance_scales": [1.0] * 12}, r"sampler\.guidance_scales has no effect"),
        ({}, {"name": "entropy_bounded"}, "calibrate_entropy_bound"),
    ],
)
def test_a_search_that_cannot_be_made_is_refused(config, tuning, sampler, sentence):
    chosen = config("autotune", tuning=TuningConfig(**tuning), sampler=SamplerConfig(**sampler))
    with pytest.raises(UserError, match=sentence):
        check(chosen)
