"""Notebooks are readable and committed without outputs; `make notebooks` runs them."""

import ast
import json
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LONGEST_CELL = 15  # lines
MOST_CELLS = 20  # of code


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def cells(path):
    return nbformat.read(path, as_version=4).cells


def code(cells):
    return [cell.source for cell in cells if cell.cell_type == "code"]


def test_there_is_a_tour():
    assert "01_tour" in [path.stem for path in NOTEBOOKS]


def test_the_first_cell_says_what_is_asked_what_is_read_and_how_long_it_takes(cells):
    assert cells[0].cell_type == "markdown"
    for word in ("**Question.**", "**Reads.**", "**Time.**"):
        assert word in cells[0].source


def test_cells_are_short_and_hold_no_logic_of_their_own(cells):
    sources = code(cells)
    assert len(sources) <= MOST_CELLS
    for source in sources:
        assert len(source.splitlines()) <= LONGEST_CELL, source
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        assert not any(isinstance(node, kinds) for node in ast.walk(ast.parse(source))), source


def test_the_last_cell_checks_the_claims(cells):
    assert any(isinstance(node, ast.Assert) for node in ast.parse(code(cells)[-1]).body)


def test_no_output_no_count_and_no_machine_is_committed(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert notebook["metadata"] == {}
    for cell in notebook["cells"]:
        assert cell["metadata"] == {}
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None
