"""Two finished runs: in pairs where their pictures make pairs, else by their intervals alone."""

from dataclasses import replace

import pytest

from src.errors import UserError
from src.evaluation.config import EvaluationConfig
from src.evaluation.measurement import Measurement
from src.report.cells import write_cell
from src.report.record import make_record, write_record
from src.tasks import compare

SETTINGS = {"task": "ablate", "name": "x", "sampler": {"num_steps": 4}}
RIGHT = [True, False] * 30


def record(steps: int = 4, value: float = 0.5, low: float = 0.4, high: float = 0.6):
    numbers = [Measurement("whole scene right: all prompts", value, 60, low, high, is_share=True)]
    settings = SETTINGS | {"sampler": {"num_steps": steps}}
    about = {"weights": {"model": "abc"}, "seeds": {}, "device": "cpu", "seconds": 1.0}
    return make_record("x", "x", settings, {}, numbers, **about)


def cell(home, steps: int, right: list[bool], first_seed: int = 0):
    columns = {
        "prompt": [f"a {number}" for number in range(len(right))],
        "seed": [first_seed + number for number in range(len(right))],
        "right": right,
        "clip_score": [90.0 + number % 7 for number in range(len(right))],
        "passes": [2.0 * steps] * len(right),
        "seconds": [0.1] * len(right),
    }
    return write_cell(record(steps), columns, home)


@pytest.fixture
def said(config, tmp_path):
    """The comparison's page of two runs."""

    def run(*runs, **changes) -> str:
        chosen = config("compare", runs=[str(each) for each in runs], **changes)
        chosen.output_dir = str(tmp_path / "out")
        compare.run(chosen, tmp_path / "unused")
        return (tmp_path / "out" / "comparison.md").read_text()

    return run


def test_cells_are_compared_in_pairs_and_named_by_what_differs(said, tmp_path):
    four, two = cell(tmp_path, 4, RIGHT), cell(tmp_path, 2, [False] * 60)
    text = said(two, four)
    assert "sampler.num_steps: 2 and 4" in text
    assert "whole scenes right: `num_steps=2` is worse than `num_steps=4`: -50.0 points" in text
    assert "right here alone 0, there alone 30 pictures" in text
    assert "CLIP score: `num_steps=2` cannot be told from `num_steps=4`: +0.00" in text
    assert "2 comparisons were made. Each interval is at 97.50 %" in text


def test_one_measure_alone_needs_no_wider_interval(said, tmp_path, config):
    chosen = config("compare").ablation
    pair = cell(tmp_path, 4, RIGHT), cell(tmp_path, 2, [False] * 60)
    text = said(*pair, ablation=replace(chosen, measure="right"))
    assert "CLIP score:" not in text
    assert "One comparison, at 95 %." in text


def test_other_seeds_make_no_pairs(said, tmp_path):
    text = said(cell(tmp_path, 4, RIGHT), cell(tmp_path, 2, RIGHT, first_seed=7))
    assert "Not compared in pairs: their pictures are of other prompts or seeds." in text
    assert "whole scene right: all prompts: 50.0 %" in text
    assert "the intervals overlap, so that neither is shown to be better." in text


def test_a_record_alone_is_compared_by_its_intervals(said, tmp_path):
    write_record(record(value=0.9, low=0.8, high=0.95), tmp_path / "run")
    text = said(tmp_path / "run", cell(tmp_path, 4, RIGHT))
    assert "one of them kept no values of its pictures" in text
    assert f"the intervals lie apart, and `{tmp_path / 'run'}` is better." in text


def test_what_is_no_run_is_refused(said, tmp_path):
    with pytest.raises(UserError, match=r"runs\[1\]=nowhere is no finished run: give a run's"):
        said(cell(tmp_path, 4, RIGHT), "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="There is no record"):
        said(tmp_path / "empty", tmp_path / "empty2")


def test_confidence_is_the_one_asked_for(said, tmp_path):
    pair = cell(tmp_path, 4, RIGHT), cell(tmp_path, 2, [False] * 60)
    assert "at 99.00 %" not in said(*pair)
    assert "Each interval is at 99.00 %" in said(
        *pair, evaluation=EvaluationConfig(confidence=0.98)
    )
