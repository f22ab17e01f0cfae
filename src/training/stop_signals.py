"""Signals that end a training as its time limit does: after the step, with a checkpoint.

| signal | who sends it | exit status |
|---|---|---|
| SIGINT | Ctrl-C | 130 |
| SIGTERM | kill, scancel, a machine that is shut down | 143 |
| SIGUSR1 | Slurm ahead of the time limit, asked for with `#SBATCH --signal=USR1@120` | 138 |

Each is 128 + the signal's number, as shells have it. On SIGUSR1 a job of Slurm is put into its
queue again (`scontrol requeue`), as Lightning would do it, and continues there; elsewhere a script
finds status 138. The model is not finished then, so no command takes it for one.
"""

import os
import shutil
import signal
import subprocess
import threading
import time
import warnings

import torch
from lightning.pytorch.callbacks import Callback

from src.training.checkpoint import ends_step
from src.training.ranks import this_rank
from src.training.worker_signals import SIGNALS

AGAIN_SECONDS = 1.0  # torchrun hands on the Ctrl-C that its processes have heard themselves


class StopSignals(Callback):
    """Takes the signals while the `with` block runs, and stops Lightning's loop after the step.

    Ctrl-C a second time ends at once. What a parent has told us to ignore (nohup) stays ignored.
    """

    def __init__(self):
        self.asked = 0  # the signal's number; 0 = none
        self.asked_at = 0.0  # clock
        self.replaced = {}  # handlers of before

    def __enter__(self) -> "StopSignals":
        self._take()
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self.replaced.items():
            signal.signal(number, handler)

    def _take(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # Python lets no other thread listen
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                before = signal.signal(number, self._ask)
                self.replaced.setdefault(number, before or signal.SIG_DFL)

    def _ask(self, number: int, _frame) -> None:
        if not self.asked:
            self.asked, self.asked_at = number, time.monotonic()
            _say(f"{_name(number)}: the step is finished and saved (Ctrl-C: end at once).")
        elif number == signal.SIGINT and time.monotonic() - self.asked_at > AGAIN_SECONDS:
            raise KeyboardInterrupt

    def on_train_start(self, trainer, _module) -> None:
        self._take()  # from Lightning, which saves nothing on SIGTERM and in mid-step on SIGUSR1
        if trainer.received_sigterm and not self.asked:
            self.asked = int(signal.SIGTERM)
        if self._any_asked(trainer):  # nothing was trained yet in this piece
            raise SystemExit(128 + self.asked)

    def on_train_batch_end(self, trainer, _module, _outputs, _batch, number) -> None:
        if ends_step(trainer, number) and self._any_asked(trainer):
            trainer.should_stop = True

    def _any_asked(self, trainer) -> bool:
        """Whether to stop; all processes at one step, though a signal may reach only one."""
        if trainer.world_size > 1:
            asked = torch.tensor(self.asked, device=trainer.strategy.root_device)
            self.asked = int(trainer.strategy.reduce(asked, reduce_op="max"))
        return self.asked > 0

    def leave(self, step: int, max_steps: int) -> None:
        """End the process as the signal wants it, if one came; the step is on the disk.

        Raises KeyboardInterrupt for Ctrl-C, SystemExit with the status for the others.
        """
        if not self.asked:
            return
        _say(f"Stopped after step {step} of {max_steps}, which is saved: the same command goes on.")
        if self.asked == signal.SIGINT:
            raise KeyboardInterrupt
        if _name(self.asked) == "SIGUSR1" and this_rank() == 0:
            _requeue()
        raise SystemExit(128 + self.asked)


def _requeue() -> None:
    """Put a job of Slurm into its queue again; one of an array by its place there."""
    job = os.environ.get("SLURM_JOB_ID")
    if "SLURM_ARRAY_JOB_ID" in os.environ:
        job = f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    if job is None:
        return
    command = shutil.which("scontrol")
    if command is None or subprocess.run([command, "requeue", job], check=False).returncode:
        warnings.warn(f"scontrol requeue {job} failed: submit the job again.", stacklevel=2)


def _name(number: int) -> str:
    return signal.Signals(number).name


def _say(line: str) -> None:
    """Past Python's buffers: a handler may have interrupted somebody who is writing to them."""
    if this_rank() == 0:
        os.write(2, f"\n{line}\n".encode())
