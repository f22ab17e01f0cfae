"""A film strip has a column a step and a row a thing, and stays as wide as a notebook."""

import pytest

from src.report.film_strip import WIDTH, StripRow, film_strip


def strip(num_steps: int):
    drawn = []
    rows = [
        StripRow(name, "", lambda axes, step, name=name: drawn.append((name, step)))
        for name in ("one", "two")
    ]
    return film_strip(rows, [str(step) for step in range(num_steps)], "a title"), drawn


def test_each_row_is_drawn_once_a_step():
    _, drawn = strip(4)
    assert drawn == [(name, step) for name in ("one", "two") for step in range(4)]


@pytest.mark.parametrize("num_steps", [8, 12, 14])
def test_it_is_as_wide_as_a_notebook(num_steps):
    assert strip(num_steps)[0].get_size_inches()[0] == pytest.approx(WIDTH, abs=0.1)


def test_a_strip_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one row and one step"):
        strip(0)
