"""A checkpoint is written whole or not at all."""

import os
import shutil
import subprocess

import pytest
import torch

from src.checkpoint.checksums import read_checksums
from src.checkpoint.folder import CheckpointFolder
from src.checkpoint.write import new_checkpoint, write_index, write_settings, write_tensors
from src.errors import UserError


def write(path, value: float, variant: str | None = None) -> None:
    with new_checkpoint(path) as draft:
        write_index(draft, "CLIPTokenizer")
        write_settings(draft, "transformer", {"hidden_size": 8})
        write_tensors(draft, "transformer", {"w": torch.tensor([value])}, torch.float32, variant)


def weight(path, variant: str | None = None) -> float:
    return CheckpointFolder(path, variant).tensors("transformer")["w"].item()


def test_an_interruption_leaves_what_was_there(tmp_path):
    write(tmp_path / "model", 1.0)

    def interrupted():
        with new_checkpoint(tmp_path / "model") as draft:
            write_tensors(draft, "transformer", {"w": torch.zeros(1)}, torch.float32, None)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert weight(tmp_path / "model") == 1.0
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_second_checkpoint_takes_the_first_ones_place(tmp_path):
    write(tmp_path / "model", 1.0)
    (tmp_path / "model" / "README.md").write_text("mine")
    write(tmp_path / "model", 2.0)
    assert weight(tmp_path / "model") == 2.0
    assert (tmp_path / "model" / "README.md").read_text() == "mine"


def test_variants_live_side_by_side_each_with_its_checksum(tmp_path):
    write(tmp_path / "model", 1.0)
    write(tmp_path / "model", 2.0, variant="fp16")
    assert (weight(tmp_path / "model"), weight(tmp_path / "model", "fp16")) == (1.0, 2.0)
    names = [name for name in read_checksums(tmp_path / "model") if name.endswith("safetensors")]
    assert len(names) == 2


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs coreutils' sha256sum")
def test_the_checksums_are_in_the_format_of_sha256sum(tmp_path):
    write(tmp_path / "model", 1.0)
    command = ["sha256sum", "--check", "--strict", "checksums.sha256"]
    assert subprocess.run(command, cwd=tmp_path / "model", capture_output=True).returncode == 0


def test_missing_parents_are_made(tmp_path):
    write(tmp_path / "a" / "b" / "model", 3.0)
    assert weight(tmp_path / "a" / "b" / "model") == 3.0


@pytest.mark.parametrize("path", ["", "  ", None, 5])
def test_a_place_that_is_none_is_refused_and_nothing_is_written(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="give the name of a folder"):
        write(path, 1.0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="modes of Unix")
def test_everything_written_has_the_usual_mode(tmp_path):
    before = os.umask(0o022)
    try:
        write(tmp_path / "model", 1.0)
    finally:
        os.umask(before)
    modes = {path.is_dir(): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {True: 0o755, False: 0o644}
    assert all(path.stat().st_mode & 0o777 == modes[path.is_dir()] for path in tmp_path.rglob("*"))


@pytest.mark.parametrize("place", ["file", "file/model"])
def test_a_file_in_the_way_is_a_sentence(tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file.* (folder|file)"):
        write(tmp_path / place, 1.0)
    assert (tmp_path / "file").read_text() == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_a_sentence(tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(UserError, match="permission denied"):
        write(tmp_path / "model", 1.0)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a place that is always full")
def test_a_full_disk_is_a_sentence_and_leaves_what_was_there(tmp_path):
    write(tmp_path / "model", 1.0)

    def fill():
        with new_checkpoint(tmp_path / "model") as draft, open("/dev/full", "wb", 0) as full:
            write_index(draft, "CLIPTokenizer")
            full.write(b"x")

    with pytest.raises(UserError, match="full disk"):
        fill()
    assert weight(tmp_path / "model") == 1.0
