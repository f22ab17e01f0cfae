"""What was typed, and what an experiment's own grid adds to it."""

import pytest

from src.command_line import read_request
from src.compose import jobs_of
from src.experiments import experiments, own_grid

STEPS = own_grid("ablate_steps")["sampler.num_steps"]
SWEEPING = [header.name for header in experiments() if own_grid(header.name)]


def test_an_experiment_with_its_own_grid_is_a_sweep_without_a_flag():
    request = read_request(["+exp=ablate_steps"])
    assert request.is_sweep
    assert request.grid == (f"sampler.num_steps={STEPS}",)
    assert len(list(jobs_of([*request.overrides, *request.grid]))) == len(STEPS.split(","))


def test_what_is_typed_wins_over_the_grid():
    request = read_request(["-m", "+exp=ablate_steps", "sampler.num_steps=2,4,8"])
    assert (request.is_sweep, request.grid) == (True, ())
    one = read_request(["+exp=ablate_micro_conditioning", "micro_cond.crop_left=0"])
    assert one.is_sweep
    assert {text.partition("=")[0] for text in one.grid} == {
        "micro_cond.aesthetic_score",
        "micro_cond.original_width",
    }


def test_other_experiments_have_no_grid():
    assert not own_grid("generate")
    assert not read_request(["+exp=generate", "prompts=[a]"]).is_sweep
    assert not read_request(["+exp=../../etc/passwd"]).is_sweep


@pytest.mark.parametrize("name", SWEEPING)
def test_a_committed_sweep_holds_its_own_baseline_and_is_long_enough(name):
    from src.compose import composed

    request = read_request([f"+exp={name}"])
    base = composed([f"+exp={name}"]).config
    cells = [composed(job).config for job in jobs_of([*request.overrides, *request.grid])]
    assert base in cells, "no cell has the experiment's own settings to compare with"
    num_seeds = len({each.seed for each in cells})  # of trainings, whose pictures count together
    assert all(2 * each.evaluation.prompts_per_kind * num_seeds >= 500 for each in cells)
