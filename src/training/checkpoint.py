"""Training checkpoints that survive a kill: written whole, hashed, the newest valid one loaded.

Lightning stages a checkpoint in the system's temporary folder and copies it, so a full disk can
leave half a file under its final name. Here the temporary file lies in the same folder, reaches the
disk before it is renamed, and its sha256 is written last: no hash, no checkpoint.
"""

import errno
import hashlib
import os
import pickle
import warnings
from pathlib import Path
from shutil import disk_usage
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint

from src.errors import UserError
from src.whole_files import clear_unfinished, told_in_a_sentence, write_whole

KEPT = 2  # checkpoints left on disk: the newest and the one before it


class WholeFiles(TorchCheckpointIO):
    """Lightning's checkpoint plugin: all of the file under its final name, or none."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path, storage_options=None) -> None:
        path = Path(path)
        partial = path.with_name(path.name + ".partial")
        with told_in_a_sentence(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                _save_synced(checkpoint, partial)
                os.replace(partial, path)
            except BaseException:
                partial.unlink(missing_ok=True)
                raise
        write_whole(_hash_path(path), _sha256(path))

    def load_checkpoint(self, path, map_location=None, weights_only=None) -> dict[str, Any]:
        return _opened(Path(path), map_location or "cpu")


class EverySteps(Checkpoint):
    """Save each `every` steps and at the end of a piece; keep the newest two that are valid.

    Lightning logs a step's numbers only after the step's own hooks. Killed in between, a run would
    go on behind a step that no log has: so a checkpoint holds the numbers of its step, and a run
    that continues logs them again. The last step is saved when its numbers are logged.
    """

    def __init__(self, folder: Path, every: int):
        self.folder, self.every = folder, every
        self.logged: dict[str, Any] = {}  # {"step": 99, "numbers": {"loss": 1.5}}
        self.last_saved = -1

    def on_load_checkpoint(self, trainer, _module, checkpoint: dict[str, Any]) -> None:
        """Count the passes of the steps behind as if all had had as many as from now on.

        Lightning counts passes, and moves the weights at its count's multiples of `accumulation`.
        """
        progress = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
        done = checkpoint["global_step"] * trainer.accumulate_grad_batches
        shift = done - progress["total"]["processed"]
        for counts in (progress["total"], progress["current"]):
            counts.update({name: number + shift for name, number in counts.items()})

    def on_train_start(self, trainer, _module) -> None:
        for logger in trainer.loggers if self.logged else ():
            logger.log_metrics(self.logged["numbers"], self.logged["step"])

    def on_train_batch_end(self, trainer, _module, _outputs, _batch, number) -> None:
        step = trainer.global_step
        if not ends_step(trainer, number):
            return
        if step % self.every == 0 and step < trainer.max_steps:
            is_logged = step % trainer.log_every_n_steps == 0
            numbers = {name: value.item() for name, value in trainer.callback_metrics.items()}
            self.logged = {"step": step - 1, "numbers": numbers} if is_logged else {}
            self._save(trainer)

    def state_dict(self) -> dict[str, Any]:
        return self.logged

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.logged = state

    def on_train_end(self, trainer, _module) -> None:
        self._save(trainer)

    def _save(self, trainer) -> None:
        if trainer.global_step == self.last_saved:  # a question that all ranks answer alike
            return
        self.last_saved = trainer.global_step
        path = self.folder / f"step_{trainer.global_step:08d}.ckpt"
        trainer.save_checkpoint(path, False)  # not the weights alone
        if trainer.is_global_zero:
            prune(self.folder)


def ends_step(trainer, number: int) -> bool:
    """Whether the weights moved with the pass of that number; others only add to the gradient."""
    return (number + 1) % trainer.accumulate_grad_batches == 0


def prune(folder: Path) -> None:
    """Leave the newest valid checkpoints, and what is damaged; killed saves are cleared away."""
    clear_unfinished(folder)
    for unfinished in (*folder.glob("step_*.partial"), *folder.glob("step_*.ckpt")):
        if not _hash_path(unfinished).exists():
            unfinished.unlink()
    valid = [path for path in sorted(folder.glob("step_*.ckpt")) if is_valid(path)]
    for old in valid[:-KEPT]:
        _hash_path(old).unlink()
        old.unlink()


def newest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint whose hash is right, or None if none was ever finished.

    Damaged ones are passed over with a warning; one without a hash is a save that was killed.
    Raises UserError if all finished ones are damaged: beginning anew would throw their steps away.
    """
    finished = [path for path in folder.glob("step_*.ckpt") if _hash_path(path).exists()]
    for path in sorted(finished, reverse=True):
        if is_valid(path):
            return path
        warnings.warn(f"{path} is damaged and passed over.", stacklevel=2)
    if finished:
        raise UserError(
            f"All checkpoints in {folder} are damaged ({len(finished)}): bring one back from a "
            "copy, or move the folder away to begin anew."
        )
    return None


def is_valid(path: Path) -> bool:
    """Whether the file is there and is what was written."""
    hashed = _hash_path(path)
    return path.exists() and hashed.exists() and hashed.read_text() == _sha256(path)


def _hash_path(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _save_synced(checkpoint: dict[str, Any], path: Path) -> None:
    try:
        with path.open("wb") as file:
            torch.save(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())
    except RuntimeError as error:  # torch's zip writer hides what the disk said
        raise OSError(errno.EIO if disk_usage(path.parent).free else errno.ENOSPC, "") from error


def trained_state(run: Path) -> dict[str, torch.Tensor]:
    """The whole module of a run's newest valid checkpoint; raises UserError if the run has none."""
    return _newest(run)["state_dict"]


def averaged_weights(run: Path, trained: str | None = None) -> dict[str, torch.Tensor]:
    """The averaged model of a run's newest valid checkpoint, by the model's own parameter names.

    trained: the module's name for the model that is kept where the run has no average.
    Raises UserError if the run has none.
    """
    state = trained_state(run)
    has_average = any(name.startswith("average.") for name in state)
    prefix = "average.module." if has_average or trained is None else f"{trained}."
    return {name[len(prefix) :]: each for name, each in state.items() if name.startswith(prefix)}


def seconds_trained(run: Path) -> float:
    """How long all pieces of a run have trained, as its newest valid checkpoint says."""
    return _newest(run)["callbacks"].get("PieceTime", {}).get("seconds", 0.0)


def _newest(run: Path) -> dict[str, Any]:
    path = newest_checkpoint(run / "checkpoints")
    if path is None:
        raise UserError(f"{run} holds no valid checkpoint: train this model first.")
    return _opened(path)


def _opened(path: Path, map_location="cpu") -> dict[str, Any]:
    """Read a checkpoint, and run nothing that it holds."""
    try:
        return torch.load(path, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} holds something besides weights and numbers, which could run as a program, "
            "and is not opened: take another checkpoint, or move the folder away to begin anew."
        ) from error
