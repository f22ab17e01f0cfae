"""The code's identity is git's own, taken from the files as they lie on disk."""

import subprocess

import pytest

from src.report.code_identity import code_hashes, commit_and_dirt, tree_hash


def git(root, *arguments):
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    done = subprocess.run(
        ["git", "-C", root, *who, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def root(tmp_path):
    """Names that git sorts in its own way, a script, an empty folder and a nested one."""
    files = {
        "src/a.py": "1",
        "src/a/b.py": "2",
        "src/a-b.py": "3",
        "src/a/c/ü.py": "",
        "conf/run.sh": "4",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (tmp_path / "conf" / "run.sh").chmod(0o755)
    (tmp_path / "src" / "empty").mkdir()
    (tmp_path / ".gitignore").write_text("__pycache__/\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "All there is")
    return tmp_path


def test_a_clean_tree_has_the_hash_that_git_gives_it(root):
    assert code_hashes(root) == {
        "src": git(root, "rev-parse", "HEAD:src"),
        "conf": git(root, "rev-parse", "HEAD:conf"),
    }


def test_a_changed_file_changes_its_part_alone_and_makes_the_tree_dirty(root):
    before, (commit, is_dirty) = code_hashes(root), commit_and_dirt(root)
    assert commit == git(root, "rev-parse", "HEAD")
    assert not is_dirty
    (root / "src" / "a" / "b.py").write_text("5")
    after = code_hashes(root)
    assert after["src"] != before["src"]
    assert after["conf"] == before["conf"]
    assert commit_and_dirt(root) == (commit, True)


def test_what_python_leaves_behind_does_not_count(root):
    before = tree_hash(root / "src")
    (root / "src" / "__pycache__").mkdir()
    (root / "src" / "__pycache__" / "a.cpython-311.pyc").write_bytes(b"x")
    assert tree_hash(root / "src") == before


def test_without_git_there_is_still_a_hash_and_no_commit(tmp_path, monkeypatch):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert set(code_hashes(tmp_path)) == {"src"}
    assert commit_and_dirt(tmp_path) == (None, None)
