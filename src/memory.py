"""Memory: how much of it is free, and letting the C library keep what was freed.

Kept memory makes a model's element-wise work 3 to 5 x faster on CPU. By default glibc returns every
large block to the system, and the next tensor of that size pays for its pages again. Measured on
GELU over 4096 x 512 numbers: 5.4 ms against 1.1 ms.
"""

import ctypes
import re
import sys
from pathlib import Path

from src.errors import UserError

TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4  # names of mallopt's parameters
TOP_PAD_BYTES = 64 * 2**20  # the heap grows in steps of this size
NEVER = 2**31 - 1
# of the sentences in which torch, on any device, NumPy and the system say it
NO_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory")


def keep_freed_memory() -> bool:
    """Tell glibc for the rest of this process; False where there is no glibc to tell."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return False
    settings = {MMAP_MAX: 0, TRIM_THRESHOLD: NEVER, TOP_PAD: TOP_PAD_BYTES}
    return all(mallopt(name, value) == 1 for name, value in settings.items())


def free_memory(device: str) -> int | None:
    """Bytes that new tensors can take on `device` (cpu, cuda, cuda:1); None where nobody says."""
    if device.startswith("cuda"):
        import torch

        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + held
    try:
        said = re.search(r"MemAvailable:\s*(\d+) kB", Path("/proc/meminfo").read_text())
    except OSError:  # not Linux
        return None
    return int(said[1]) * 1024 if said else None


def check_free(needed: int, device: str, what: str, remedy: str) -> None:
    """Refuse what could only end with the process being killed for its memory; raises UserError.

    needed: bytes that are there at once. what, remedy: beginning and end of the sentence.
    """
    free = free_memory(device)
    if free is not None and needed > free:
        raise UserError(
            f"{what} need about {needed / 2**30:.1f} GiB at once, and {free / 2**30:.1f} GiB of "
            f"{device} are free; {remedy}"
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: Python and a GPU have a class for it, a processor only words."""
    is_named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return is_named or any(words in str(error).lower() for words in NO_MEMORY)
