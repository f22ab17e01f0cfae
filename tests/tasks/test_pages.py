"""The notebooks' site needs no network, and only what changed is made again."""

import re
from dataclasses import replace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import src.tasks.pages as pages
from src.compose import composed
from src.errors import UserError

FIRST = (
    "# A small one\n\n**Question.** What is two\nand two?\n\n**Reads.** Nothing.\n\n**Time.** None."
)


@pytest.fixture
def write(tmp_path, monkeypatch):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    monkeypatch.setattr(pages, "NOTEBOOKS", folder)

    def write(name, *cells):
        notebook = new_notebook(cells=[new_markdown_cell(FIRST), *map(new_code_cell, cells)])
        nbformat.write(notebook, folder / f"{name}.ipynb")

    return write


@pytest.fixture
def build(tmp_path):
    config = replace(composed(["+exp=pages"]).config, output_dir=str(tmp_path / "site"))

    def build():
        pages.run(config, tmp_path)
        return tmp_path / "site"

    return build


PICTURE = """
from IPython.display import Image, display
from src.report.look import new_figure, png_bytes
display(Image(png_bytes(new_figure(2, 1)), width=200))
print(2 + 2)
"""


def test_a_notebook_becomes_a_page_once_until_it_changes(write, build, monkeypatch, capsys):
    write("01_one", PICTURE)
    site = build()
    page = (site / "01_one.html").read_text()
    assert "<title>A small one</title>" in page
    assert re.search(r"<img[^>]* src=\"data:image/png;base64,", page)
    assert not re.search(r"(src|href)=\"https?://", page)
    index = (site / "index.html").read_text()
    assert '<a href="01_one.html">A small one</a>' in index
    assert "What is two and two?" in index
    ran = []
    execute = pages.executed
    monkeypatch.setattr(pages, "executed", lambda path: ran.append(path.stem) or execute(path))
    build()
    assert ran == []
    write("01_one", "print(5)")
    build()
    assert ran == ["01_one"]
    assert "<img" not in (site / "01_one.html").read_text()


def test_a_notebook_that_fails_is_named_and_leaves_no_page(write, build, tmp_path):
    write("01_one", "assert 2 + 2 == 5, 'it is four'")
    with pytest.raises(
        UserError, match=r"01_one\.ipynb does not run .* AssertionError: it is four"
    ):
        build()
    assert not (tmp_path / "site" / "01_one.html").exists()
