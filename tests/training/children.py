"""Trainings in forked processes that come to harm at a chosen moment, and what they leave.

What is compared: weights, averages, optimizer, all else in the checkpoint, the curves, and for
every pass through the model the step, the samples it saw and its loss.
"""

import hashlib
import os
import signal
import traceback
from pathlib import Path

import lightning
import torch
from torch.utils._pytree import tree_leaves

from src.errors import UserError
from src.report.curves import read_curves
from src.training.checkpoint import newest_checkpoint

REFUSED = 2  # exit status of a UserError, as src.run has it


class Diary(lightning.Callback):
    """Write down every pass's step, samples and loss; tell `reached` what happens."""

    def __init__(self, path: Path, reached):
        self.path, self.reached = path, reached

    def on_train_batch_start(self, trainer, module, batch, _):
        parts = [part for part in tree_leaves(batch) if isinstance(part, torch.Tensor)]
        digest = hashlib.sha256(b"".join(part.numpy().tobytes() for part in parts))
        numbers = getattr(batch, "numbers", torch.empty(0)).tolist()  # of the samples
        rows = getattr(getattr(batch, "samples", None), "rows", ())  # where a table may have holes
        self.seen = f"{numbers} {rows} {digest.hexdigest()[:16]}"
        self.reached("forward")

    def on_before_backward(self, trainer, module, loss):
        self.loss = loss.item().hex()

    def on_after_backward(self, *_):
        self.reached("backward")

    def on_train_batch_end(self, trainer, module, outputs, batch, number):
        with self.path.open("a") as file:
            file.write(f"{number} {trainer.global_step} {self.seen} {self.loss}\n")
        self.reached("stepped")


def diary(path: Path) -> dict[str, str]:
    """The last entry of every pass: {"0": "step samples loss", ...}."""
    lines = (line.split(" ", 1) for line in path.read_text().splitlines())
    return {number: entry for number, entry in lines}


def in_child(work) -> int:
    """Do the work in a forked process; its exit status, or less than 0: the signal it died of."""
    return ended(started(work))


def ended(child: int) -> int:
    """Wait for a forked process; its exit status, as of `in_child`."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def started(work) -> int:
    """Begin the work in a forked process; its number."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started pytest how
        torch.set_num_threads(1)
        work()
        status = 0
    except SystemExit as error:
        status = error.code
    except KeyboardInterrupt:
        status = 130
    except UserError as error:
        os.write(2, f"{error}\n".encode())
        status = REFUSED
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def harmed_at(moment: str, number: int, harm=die):
    """A function that is told what happens and does harm at a moment's n-th time."""
    times = {}

    def reached(name: str) -> None:
        times[name] = times.get(name, -1) + 1
        if (name, times[name]) == (moment, number):
            harm()

    for function in ("fsync", "replace", "unlink"):
        real = getattr(os, function)
        past = "fsynced" if function == "fsync" else f"{function.rstrip('e')}ed"

        def around(*args, real=real, function=function, past=past, **named):
            is_checkpoint = function == "fsync" or "step_" in str(args[-1])
            if is_checkpoint:
                reached(function)
            result = real(*args, **named)
            if is_checkpoint:
                reached(past)
            return result

        setattr(os, function, around)
    return reached


def left(folder: Path):
    """What counts of a run: its last checkpoint without the clock, its diary, its curves."""
    path = newest_checkpoint(folder / "checkpoints")
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["callbacks"].pop("PieceTime")
    curves = read_curves(sorted(folder.glob("csv_from_*/metrics.csv")))
    curves = {name: (list(each.steps), list(each.values)) for name, each in curves.items()}
    return checkpoint, diary(folder / "diary.txt"), curves


def assert_same(found, expected, place: str = "") -> None:
    """Equal to the bit, through dictionaries and lists."""
    if isinstance(expected, torch.Tensor):
        assert torch.equal(found, expected), place
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys(), place
        for key, value in expected.items():
            assert_same(found[key], value, f"{place}.{key}")
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected), place
        for index, value in enumerate(expected):
            assert_same(found[index], value, f"{place}[{index}]")
    else:
        assert found == expected, place
