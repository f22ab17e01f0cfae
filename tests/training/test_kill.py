"""kill -9 at any moment: the same command again ends with the bits of the run never killed."""

import shutil
import signal

import pytest

from tests.training.children import assert_same, left

MOMENTS = [  # what happens for the n-th time
    *(("forward", 0), ("forward", 1), ("forward", 4), ("backward", 0), ("backward", 3)),
    *(("backward", 5), ("stepped", 0), ("stepped", 1), ("stepped", 2), ("stepped", 5)),
    # in a save: bytes, their name, hash, its name; what follows is the prune of older ones
    *(("fsync", 0), ("fsynced", 0), ("replace", 0), ("replaced", 0), ("fsync", 1), ("fsynced", 1)),
    *(("replace", 1), ("replaced", 1), ("fsync", 2), ("replace", 2), ("replaced", 3)),
    *(("unlink", 0), ("unlinked", 0), ("unlink", 1)),
]
OTHERS = [
    *("pictures", "vqgan", "own pictures, discriminator"),
    *("tokens, muon, bf16", "tokens, 8-bit, in parts", "lora"),
]


def check(kind, moment, train, whole, folder) -> None:
    expected = whole(kind)
    assert train(kind, folder, moment) == -signal.SIGKILL, "nothing to kill"
    assert train(kind, folder) == 0
    assert_same(left(folder), expected)
    names = {path.name for path in (folder / "checkpoints").iterdir()}
    steps = ("step_00000004.ckpt", "step_00000006.ckpt")
    assert names == {f"{step}{end}" for step in steps for end in ("", ".sha256")}


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: f"{moment[0]}-{moment[1]}")
def test_a_run_on_cached_tokens_survives(moment, train, whole, tmp_path):
    check("tokens", moment, train, whole, tmp_path / "killed")


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("moment", MOMENTS[3::7], ids=lambda moment: f"{moment[0]}-{moment[1]}")
def test_other_kinds_of_runs_survive(kind, moment, train, whole, tmp_path):
    check(kind, moment, train, whole, tmp_path / "killed")


@pytest.mark.verify
@pytest.mark.parametrize("kind", OTHERS)
def test_other_kinds_of_runs_survive_at_every_moment(kind, train, whole, tmp_path, record_property):
    for moment in MOMENTS:
        check(kind, moment, train, whole, tmp_path / "killed")
        shutil.rmtree(tmp_path / "killed")
    record_property("moments", len(MOMENTS))
    record_property("of them in a checkpoint's write", len(MOMENTS[10:]))
