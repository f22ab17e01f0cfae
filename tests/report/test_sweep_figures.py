"""A sweep's figures and table: every cell in its place, the front where nothing dominates."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.evaluation.measurement import Measurement
from src.report.cells import Cell
from src.report.heat_map import heat_map
from src.report.look import png_bytes
from src.report.record import make_record
from src.report.sweep_figures import effect_curves, front, lines_of, pareto
from src.report.sweep_table import Row, label_of, labelled, shown_value, table, write_table

ACCURACY, PASSES = "whole scene right: all prompts", "passes a picture"


def row(tmp_path, value: float, passes: float = 24.0, **factors: str) -> Row:
    numbers = [
        Measurement(ACCURACY, value, 500, value - 0.02, value + 0.02, is_share=True),
        Measurement("FD[x]", 100 * (1 - value), 500, num_reference=1000, is_higher_better=False),
        Measurement(PASSES, passes, 500, is_higher_better=False),
    ]
    about = {"weights": {}, "seeds": {}, "device": "cpu", "seconds": 1.0}
    record = make_record("x", "x", {"task": "doctor"}, {}, numbers, **about)
    return Row(factors, Cell(tmp_path / "_".join(factors.values()), record))


@pytest.fixture
def rows(tmp_path):
    steps = ("12", "4", "2")
    return [
        row(
            tmp_path,
            0.5 + 0.03 * int(step) - 0.01 * int(scale),
            2.0 * int(step),
            steps=step,
            g=scale,
        )
        for step in steps
        for scale in ("1", "3")
    ]


def test_the_table_has_a_row_a_cell_in_order(rows, tmp_path):
    write_table(rows, tmp_path)
    found = pq.read_table(tmp_path / "table.parquet").to_pydict()
    assert found["steps"] == [12, 12, 4, 4, 2, 2]
    assert found["g"] == [1, 3] * 3
    assert found[ACCURACY] == [each.measurement(ACCURACY).value for each in rows]
    assert found[f"{ACCURACY}, pictures"] == [500] * 6
    assert found["FD[x], low"] == [None] * 6
    assert found["cell"] == [each.cell.place.name for each in rows]


def test_words_and_numbers_in_one_column_are_words(tmp_path):
    mixed = [row(tmp_path, 0.5, g="null"), row(tmp_path, 0.6, g="2")]
    assert table(mixed)["g"] == ["null", "2"]
    assert table([])["cell"] == []


def test_labels_use_the_last_part_of_a_key_where_that_is_enough():
    assert label_of({"sampler.num_steps": "4", "seed": "1"}) == "num_steps=4, seed=1"
    assert label_of({"a.x": "1", "b.x": "2"}) == "a.x=1, b.x=2"
    assert label_of({}) == "as configured"


def test_all_cells_numbers_carry_their_cell(rows):
    subjects = [each.subject for each in labelled(rows)]
    assert subjects[:4] == ["steps=12, g=1"] * 3 + ["steps=12, g=3"]


def test_lines_hold_what_differs_in_the_first_factor_alone(rows):
    lines = lines_of(rows)
    assert [line.label for line in lines] == ["g=1", "g=3"]
    assert [each.factors["steps"] for each in lines[0].rows] == ["12", "4", "2"]


def test_curves_stand_in_order_of_the_numbers_and_show_the_intervals(rows):
    figure = effect_curves(rows, [ACCURACY, "FD[x]"], rows[0], "steps")
    first = figure.axes[0]
    line = next(each for each in first.lines if len(each.get_xdata()) == 3)
    assert list(line.get_xdata()) == [2, 4, 12]
    assert list(np.diff(line.get_ydata()) > 0) == [True, True]
    assert first.get_title(loc="left").startswith(ACCURACY)
    (ring,) = [each for each in first.lines if each.get_markersize() == 10]
    assert list(ring.get_xdata()) == [12]
    segments = first.collections[0].get_segments()
    assert [round(float(end[1] - start[1]), 6) for start, end in segments] == [4.0] * 3
    assert not figure.axes[1].collections, "a number without interval has no bar"
    assert png_bytes(figure) == png_bytes(figure)


def test_words_stand_side_by_side_without_a_line(tmp_path):
    cells = [row(tmp_path, 0.5, sampler="halton"), row(tmp_path, 0.6, sampler="confidence")]
    axes = effect_curves(cells, [ACCURACY], cells[0], "").axes[0]
    assert [each.get_text() for each in axes.get_xticklabels()] == ["halton", "confidence"]
    assert axes.lines[0].get_linestyle() == "None"


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12))
def test_the_front_is_what_nothing_dominates(points):
    costs, values = (np.array(column, dtype=float) for column in zip(*points, strict=True))
    kept = front(costs, values)
    for place, (cost, value) in enumerate(points):
        beaten = any(c <= cost and v >= value and (c, v) != (cost, value) for c, v in points)
        twins = [k for k in kept if points[k] == (cost, value)]
        assert len(twins) == (0 if beaten else 1), place
    assert list(costs[kept]) == sorted(costs[kept])


def test_the_front_is_drawn_for_each_price(rows):
    figure = pareto(rows, ACCURACY, [PASSES, "FD[x]"], "")
    front_line = next(each for each in figure.axes[0].lines if each.get_linestyle() == "-")
    assert list(front_line.get_xdata()) == [4, 8, 24]


def test_a_heat_map_puts_every_cell_into_its_field(rows, tmp_path):
    axes = heat_map(rows, ACCURACY, "").axes[0]
    shown = axes.images[0].get_array()
    assert shown.shape == (2, 3)
    assert shown[1, 0] == pytest.approx(rows[1].measurement(ACCURACY).value)
    assert [each.get_text() for each in axes.get_xticklabels()] == ["12", "4", "2"]
    texts = {tuple(each.get_position()): each.get_text() for each in axes.texts}
    assert texts[(0, 1)].startswith("83.0 %\n(81.0 to 85.0)")
    with pytest.raises(ValueError, match="two factors"):
        heat_map([row(tmp_path, 0.5, steps="1")], ACCURACY, "")


def test_a_finished_trainings_folder_is_shown_by_its_experiments_name():
    assert shown_value("experiments/glyphs_x/runs/train/model") == "glyphs_x"
    for other in ("embedded", "experiments/glyphs_x/runs/train/lora", "power:2.5"):
        assert shown_value(other) == other
    model = {"model": "experiments/glyphs_x/runs/train/model", "sampler.num_steps": "4"}
    assert label_of(model) == "model=glyphs_x, num_steps=4"


def test_every_line_is_drawn_however_many_there_are(tmp_path):
    cells = [
        row(tmp_path, 0.5, steps=step, sampler=f"s{place}")
        for step in ("4", "8")
        for place in range(20)
    ]
    figure = effect_curves(cells, [ACCURACY], cells[0], "x")
    drawn = [each for each in figure.axes[0].get_lines() if each.get_label().startswith("sampler=")]
    looks = {(each.get_color(), each.get_linestyle(), each.get_marker()) for each in drawn}
    assert len(drawn) == len(looks) == 20
    assert len(figure.legends[0].get_texts()) == 20
