"""Files are there whole or not at all, and storage trouble is one sentence."""

import errno
import os
import subprocess
import sys

import pytest

from src.errors import UserError
from src.experiments import ROOT
from src.whole_files import (
    alone_in,
    storage_sentence,
    told_in_a_sentence,
    writable_folder,
    write_whole,
)


def test_a_file_is_replaced_by_the_new_content(tmp_path):
    path = tmp_path / "deep" / "note.txt"
    write_whole(path, "old")
    write_whole(path, "neu, größer")
    assert path.read_text(encoding="utf-8") == "neu, größer"
    assert [each.name for each in path.parent.iterdir()] == ["note.txt"]


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "note.txt"
    write_whole(path, "old")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"note\.txt lies on a full disk \(\d+ MiB free\)"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["note.txt"]


def test_a_file_where_a_folder_should_be_is_named(tmp_path):
    (tmp_path / "pictures").write_text("a file")
    with pytest.raises(UserError, match="pictures"):
        writable_folder(tmp_path / "pictures")
    with pytest.raises(UserError, match="pictures"):
        write_whole(tmp_path / "pictures" / "a.png", b"")


@pytest.mark.skipif(os.geteuid() == 0, reason="the administrator may write everywhere")
def test_a_read_only_folder_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="permission denied"):
        writable_folder(tmp_path)


def test_too_little_space_is_told_with_both_numbers(tmp_path):
    with pytest.raises(UserError, match=r"needs about .* MiB .* are free"):
        writable_folder(tmp_path, num_bytes=2**60)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.ENOTDIR])
def test_storage_trouble_is_told_in_a_sentence_with_its_path(code):
    sentence = storage_sentence(OSError(code, "x", "pictures/a.png"))
    assert sentence.startswith("pictures/a.png ")
    assert sentence.endswith(".")


def test_other_errors_are_not_storage_trouble(tmp_path):
    with pytest.raises(OSError, match="timed out"), told_in_a_sentence(tmp_path):
        raise OSError(errno.ETIMEDOUT, "timed out")


def test_a_folder_is_held_against_other_processes_and_let_go_when_they_are_killed(tmp_path):
    code = (
        "import sys, time, pathlib; from src.whole_files import alone_in\n"
        "with alone_in(pathlib.Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(UserError, match="Another process is at work"), alone_in(tmp_path):
            pass
        holder.kill()
    with alone_in(tmp_path):
        pass


def test_what_is_refused_at_once_leaves_no_trace(tmp_path):
    (tmp_path / "there").mkdir()
    for folder in (tmp_path / "new", tmp_path / "there"):
        with pytest.raises(UserError, match="no"), alone_in(folder):
            raise UserError("no")
    assert [each.name for each in tmp_path.rglob("*")] == ["there"]


def test_what_was_written_before_a_refusal_stays(tmp_path):
    (tmp_path / "kept").touch()
    with pytest.raises(UserError, match="late"), alone_in(tmp_path):
        raise UserError("late")
    assert [each.name for each in tmp_path.iterdir()] == ["kept"]
