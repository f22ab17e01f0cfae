"""An effect is said to depend on another factor only where the difference of effects is decided."""

from itertools import product

import numpy as np
import pytest

from src.config import RunConfig
from src.evaluation.config import EvaluationConfig
from src.report.answers import MEASURES
from src.report.cells import PICTURES, Cell, parquet_bytes
from src.report.interactions import in_words, interactions
from src.report.record import make_record
from src.report.sweep_page import page
from src.report.sweep_table import Row
from src.tasks.answer import compare_all
from src.whole_files import write_whole

RIGHT = MEASURES["right"]
NUM = 400
ABOUT = {"weights": {}, "seeds": {}, "device": "cpu", "seconds": 1.0}


@pytest.fixture(scope="module")
def record():
    return make_record("x", "x", {"task": "ablate"}, {}, [], **ABOUT)


@pytest.fixture
def grid(tmp_path, record):
    """A grid of models and scores, whose pictures are right with given chances."""

    def build(chances: dict[tuple[str, str], float]) -> list[Row]:
        luck = np.random.default_rng(0).random(NUM)  # the same pictures are easy everywhere
        rows = []
        for (model, score), chance in chances.items():
            place = tmp_path / f"{model} {score}"
            columns = {name: [0] * NUM for name in ("prompt", "seed", "passes", "seconds")}
            columns["right"] = (luck < chance).tolist()
            write_whole(place / PICTURES, parquet_bytes(columns))
            factors = {"model": model, "micro_cond.aesthetic_score": score}
            rows.append(Row(factors, Cell(place, record)))
        return rows

    return build


def cells(*chances: float) -> dict[tuple[str, str], float]:
    return dict(zip(product(["told", "shuffled"], ["6", "2"]), chances, strict=True))


def test_an_effect_that_one_model_lacks_is_told_with_the_difference_and_its_interval(grid):
    rows = grid(cells(0.9, 0.6, 0.9, 0.9))
    (found,) = interactions(rows, rows[0], RIGHT, 0.95)
    assert found.effect == 0
    assert found.effect_at_baseline == pytest.approx(-0.3, abs=0.06)
    assert found.difference.mean == pytest.approx(0.3, abs=0.06)
    assert 0 < found.difference.low < found.difference.mean < found.difference.high
    text = in_words(found, RIGHT)
    assert text.startswith("The two effects differ: from `aesthetic_score=6 to aesthetic_score=2`")
    assert "+0.0 points under `model=shuffled`" in text
    assert f"n = {NUM} pictures" in text


def test_two_equal_effects_are_not_told_apart_however_large_they_are(grid):
    rows = grid(cells(0.9, 0.6, 0.8, 0.5))
    (found,) = interactions(rows, rows[0], RIGHT, 0.95)
    assert not found.difference.is_decided
    assert in_words(found, RIGHT).startswith("The two effects cannot be told apart")


def test_a_grid_with_a_hole_or_of_one_factor_has_none(grid):
    rows = grid(cells(0.9, 0.6, 0.8, 0.5))
    assert interactions(rows[:3], rows[0], RIGHT, 0.95) == []
    one = [row._replace(factors={"model": str(place)}) for place, row in enumerate(rows)]
    assert interactions(one, one[0], RIGHT, 0.95) == []


def test_cells_and_effects_are_one_family_of_comparisons(grid):
    chances = {(m, s): 0.5 for m, s in product(["told", "b", "c"], ["6", "2", "4"])}
    rows = grid(chances)
    found = compare_all(rows, rows[0], RunConfig(evaluation=EvaluationConfig(confidence=0.95)))
    assert (len(found.compared), len(found.interactions)) == (8, 4)
    each = 1 - 0.05 / 12
    for one in (*found.compared, *found.interactions):
        assert one.difference.confidence == pytest.approx(each)
    assert "at 99.58 %, n = 400" in in_words(found.interactions[0], RIGHT)
    text = page("x", {"question": "q", "expect": "e"}, found, [], "x", "now")
    assert "8 comparisons of cells and 4 of effects were made. Each interval is at 99.58 %" in text
