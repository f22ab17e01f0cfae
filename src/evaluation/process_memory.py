"""The most memory that a process of its own ever held while it did one thing."""

import multiprocessing
import re
import resource
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from src.errors import UserError


def peak_of(work: Callable[..., object], *arguments: Any) -> int:
    """Bytes, of a new process that opens, computes and ends; work is a function of a module.

    Raises UserError if the process was killed, as for its memory.
    """
    spawned = multiprocessing.get_context("spawn")  # nothing of this process is in its memory
    with ProcessPoolExecutor(1, mp_context=spawned) as pool:
        try:
            return pool.submit(_done, work, arguments).result()
        except BrokenProcessPool as error:
            raise UserError(
                f"the process of {work.__name__}{arguments} was ended from outside, as for too "
                "much memory; free some, or give a smaller size"
            ) from error


def own_peak() -> int:
    """Bytes that this process ever held at once, as the system counts them."""
    try:  # of the program alone, where rusage tells of the process that it was forked from too
        return int(re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
    except (OSError, TypeError):  # not Linux
        pass
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _done(work: Callable[..., object], arguments: tuple) -> int:
    work(*arguments)
    return own_peak()
