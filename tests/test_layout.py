"""The house: rooms, budgets and forbidden things, read from the files that git would commit."""

import ast
import re
import subprocess

import pytest

from src.experiments import CONF, ROOT

LONGEST_FILE, LONGEST_FUNCTION = 300, 50  # lines; a docstring does not count as code
LARGEST_FILE = 500_000  # bytes, but for weights
LARGEST_WEIGHTS = 40_000_000  # bytes, all of them
SOURCES = sorted((ROOT / "src").rglob("*.py"))
TEXTS = (".py", ".md", ".yaml", ".yml", ".toml", ".json", ".ipynb", ".cff", ".txt", ".html")
BANNED_NAMES = ("utils", "util", "common", "helpers", "helper", "misc", "inspect", "types")
STAND_IN_WORDS = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError|for now)\b")


def committed() -> list:
    """Files that are tracked, or would be with `git add .`."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [ROOT / name for name in listing.split("\0") if name and (ROOT / name).is_file()]


def name(path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_source_file_keeps_the_house_rules(path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert text.count("\n") <= LONGEST_FILE
    assert path.stem not in BANNED_NAMES
    assert path.name == "__init__.py" or ast.get_docstring(tree), "what is this file for?"
    assert "from __future__ import annotations" not in text
    assert not STAND_IN_WORDS.search(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node) is not None:
                length -= node.body[0].end_lineno - node.body[0].lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines of code"


def test_nothing_is_unpickled():
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        assert "weights_only=False" not in text, name(path)
        assert not re.search(r"\b(c?[pP]ickle|joblib|dill)\.loads?\(", text), name(path)
        for call in re.findall(r"torch\.load\([^)]*\)", text):
            assert "weights_only=True" in call, name(path)


def test_every_group_of_settings_belongs_to_a_room():
    groups = {path.name for path in CONF.iterdir() if path.is_dir()} - {"exp", "on"}
    rooms = {path.name for path in (ROOT / "src").iterdir() if path.is_dir()}
    assert groups <= rooms


def test_every_room_has_its_line_in_the_contributors_page():
    entries = (ROOT / "src").iterdir()
    there = {path.stem for path in entries if not path.name.startswith(("_", "."))}
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == there
    order = page.split("```\nrun > ")[1].split("```")[0]
    assert {"run", *re.findall(r"\w+", order)} == there


def test_every_folder_of_tests_belongs_to_a_room():
    rooms = {path.name for path in (ROOT / "src").iterdir() if path.is_dir()}
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    assert folders <= rooms | {"parity", "notebooks"}


def test_committed_files_are_small_and_all_weights_together_too():
    weights = 0
    for path in committed():
        if path.suffix == ".safetensors":
            weights += path.stat().st_size
        else:
            assert path.stat().st_size <= LARGEST_FILE, name(path)
    assert weights <= LARGEST_WEIGHTS


def test_no_committed_text_names_a_place_of_one_machine():
    places = re.compile(r"/(?:home|Users|root|work|mnt)/\w+")
    for path in committed():
        if path.suffix in TEXTS:
            found = places.search(path.read_text(encoding="utf-8"))
            assert found is None, f"{name(path)}: {found and found[0]}"


def test_what_runs_leave_behind_is_ignored_by_git():
    left = ["experiments/a/runs/b/run.log", "experiments/a/sweeps/c/x.png", ".venv/bin/python"]
    ignored = subprocess.run(
        ["git", "check-ignore", *left], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    assert ignored == left
