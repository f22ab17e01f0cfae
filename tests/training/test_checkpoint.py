import errno
import os
from dataclasses import replace

import pytest
import torch

from src.errors import UserError
from src.training.checkpoint import (
    EverySteps,
    WholeFiles,
    averaged_weights,
    is_valid,
    newest_checkpoint,
)
from src.training.fit import fit
from tests.training.children import REFUSED, assert_same, left
from tests.training.test_fit import vqgan_run


class SavesAt:
    """As much of a Trainer as saving asks for."""

    def __init__(self, step):
        self.global_step, self.is_global_zero = step, True

    def save_checkpoint(self, path, _):
        WholeFiles().save_checkpoint({"state_dict": {}}, path)


@pytest.fixture
def folder(tmp_path):
    for step in (3, 6):
        state = {"average.module.weight": torch.full((50,), float(step)), "weight": torch.zeros(1)}
        path = tmp_path / "checkpoints" / f"step_{step:08d}.ckpt"
        WholeFiles().save_checkpoint({"state_dict": state}, path)
    return tmp_path


def test_the_newest_is_taken(folder):
    assert newest_checkpoint(folder / "checkpoints").name == "step_00000006.ckpt"
    assert averaged_weights(folder)["weight"].eq(6).all()


@pytest.mark.parametrize("kept", [0, 1, 0.5, -1])
def test_a_truncated_one_is_passed_over(folder, kept):
    path = newest_checkpoint(folder / "checkpoints")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept) if kept == 0.5 else kept])
    with pytest.warns(UserWarning, match="step_00000006.ckpt is damaged"):
        assert averaged_weights(folder)["weight"].eq(3).all()


def test_one_flipped_bit_is_seen(folder):
    path = newest_checkpoint(folder / "checkpoints")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    assert not is_valid(path)
    with pytest.warns(UserWarning, match="step_00000006.ckpt is damaged"):
        assert newest_checkpoint(folder / "checkpoints").name == "step_00000003.ckpt"


def test_when_all_are_damaged_nothing_begins_anew_in_silence(folder):
    for path in (folder / "checkpoints").glob("*.ckpt"):
        path.write_bytes(b"")
    with (
        pytest.warns(UserWarning, match="passed over"),
        pytest.raises(UserError, match=r"are damaged \(2\)"),
    ):
        newest_checkpoint(folder / "checkpoints")


def test_a_save_killed_before_its_hash_does_not_count_and_is_cleared_away(folder):
    checkpoints = folder / "checkpoints"
    for left_over in ("step_00000009.ckpt", "step_00000012.ckpt.partial"):
        (checkpoints / left_over).write_bytes(b"half")
    assert newest_checkpoint(checkpoints).name == "step_00000006.ckpt"
    saver = EverySteps(checkpoints, every=1)
    for step in (7, 8):
        saver._save(SavesAt(step))
    assert sorted(path.name for path in checkpoints.glob("*.ckpt*")) == [
        "step_00000007.ckpt",
        "step_00000007.ckpt.sha256",
        "step_00000008.ckpt",
        "step_00000008.ckpt.sha256",
    ]


def test_one_whose_hash_was_never_written_does_not_count(folder):
    path = newest_checkpoint(folder / "checkpoints")
    path.with_name(path.name + ".sha256").unlink()
    assert newest_checkpoint(folder / "checkpoints").name == "step_00000003.ckpt"


def test_a_run_without_checkpoints_is_told_in_a_sentence(tmp_path):
    with pytest.raises(UserError, match="train this model first"):
        averaged_weights(tmp_path)


def test_no_partial_file_is_left_behind(folder):
    assert not list(folder.rglob("*.partial"))


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UserError, match="full disk"):
        WholeFiles().save_checkpoint({"state_dict": {}}, tmp_path / "step_00000001.ckpt")
    assert not list(tmp_path.iterdir())


class Payload:
    """Runs a program when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def test_a_checkpoint_that_would_run_a_program_is_refused_before_it_does(
    world, parts, config, tmp_path
):
    """Its hash is right: whoever made it wrote that too."""
    fit(*vqgan_run(world, parts, config), replace(config, max_steps=2), tmp_path)
    path = newest_checkpoint(tmp_path / "checkpoints")
    good = torch.load(path, weights_only=True)
    WholeFiles().save_checkpoint(good | {"note": Payload(tmp_path / "ran")}, path)
    for opens in (
        lambda: fit(*vqgan_run(world, parts, config), config, tmp_path),
        lambda: averaged_weights(tmp_path),
    ):
        with pytest.raises(UserError, match=r"step_00000002\.ckpt .* could run as a program"):
            opens()
    assert not (tmp_path / "ran").exists()


def test_a_disk_that_is_full_in_a_later_save_leaves_the_one_before(train, whole, tmp_path, capfd):
    expected = whole("tokens")

    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    assert train("tokens", tmp_path / "run", ("fsync", 2), full) == REFUSED
    assert "lies on a full disk" in capfd.readouterr().err
    names = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert names == ["step_00000002.ckpt", "step_00000002.ckpt.sha256"]
    assert is_valid(tmp_path / "run" / "checkpoints" / "step_00000002.ckpt")
    assert train("tokens", tmp_path / "run") == 0
    assert_same(left(tmp_path / "run"), expected)
