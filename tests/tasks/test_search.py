"""A search is the same however often it was interrupted, and it finds more than chance does."""

import numpy as np
import pytest

from src.sampler.search_space import Curve
from src.tasks.search import RANDOM, TPE, Search, best_so_far, finalists, read_trial, search

SPACE = {name: Curve(-1.0, 1.0) for name in "abcd"}
BEGINNING = dict.fromkeys("abcd", 0.9)


def height(point: dict[str, float]) -> float:
    """A hill whose top, 0, lies at 0.3 in every direction."""
    return -sum((value - 0.3) ** 2 for value in point.values())


@pytest.fixture
def what(tmp_path):
    def build(how: str = TPE, seed: int = 0, folder: str = "trials") -> Search:
        return Search(how, SPACE, [BEGINNING], seed, tmp_path / folder)

    return build


def test_the_beginning_is_tried_first_and_every_point_lies_in_the_space(what):
    trials = search(what(), 30, height)
    assert trials[0].point == BEGINNING
    assert [each.number for each in trials] == list(range(30))
    assert all(-1 <= value <= 1 for each in trials for value in each.point.values())
    assert [each.value for each in trials] == [height(each.point) for each in trials]


@pytest.mark.parametrize("how", [TPE, RANDOM])
def test_an_interrupted_search_ends_as_one_that_was_not(what, how):
    whole = search(what(how), 32, height)
    asked = []

    def until_killed(point):
        asked.append(point)
        if len(asked) == 25:
            raise KeyboardInterrupt
        return height(point)

    with pytest.raises(KeyboardInterrupt):
        search(what(how, folder="other"), 32, until_killed)
    asked.clear()
    assert search(what(how, folder="other"), 32, until_killed) == whole
    assert len(asked) == 8  # 24 lay there


def test_more_trials_go_on_from_those_that_are_there(what):
    first = search(what(), 10, height)
    assert search(what(), 14, height)[:10] == first


def test_a_damaged_trial_is_made_again(what):
    whole = search(what(), 5, height)
    path = what().folder / "tpe_0003.json"
    path.write_text('{"number": 3, "poi')
    assert read_trial(path) is None
    assert search(what(), 5, height) == whole
    assert read_trial(path) == whole[3]


def test_a_trial_of_another_point_is_made_again(what):
    asked = [dict.fromkeys("abcd", value) for value in (0.1, 0.2, 0.5)]
    old = what()._replace(beginnings=asked[:2])
    search(old, 2, height)
    new = what()._replace(beginnings=[asked[0], asked[2]])
    made = []
    found = search(new, 2, lambda point: (made.append(point), height(point))[1])
    assert [trial.point for trial in found] == [asked[0], asked[2]]
    assert made == [asked[2]], "the other lay there"
    assert read_trial(new.folder / "tpe_0001.json") == found[1]


def test_the_search_climbs_higher_than_chance_at_an_equal_number_of_trials(what):
    def ends(how: str) -> list[float]:
        runs = (search(what(how, seed, f"{how}{seed}"), 80, height) for seed in range(4))
        return [best_so_far(trials)[-1] for trials in runs]

    assert max(ends(RANDOM)) < min(ends(TPE)) < 0


def test_finalists_are_the_best_and_no_point_comes_twice(what):
    trials = search(what(), 20, height)
    doubled = [*trials, trials[3]._replace(number=20)]
    found = finalists(doubled, 4)
    values = sorted((each.value for each in trials), reverse=True)
    assert [each.value for each in found] == values[:4]
    assert len({tuple(each.point.values()) for each in finalists(doubled, 21)}) == 20
    assert np.all(np.diff(best_so_far(trials)) >= 0)
