"""What this machine reaches at its best: matrix products and memory, each measured by itself.

The best of several, not a median: a floor is drawn from what the machine can do, and the noise of
a busy one would lower it.
"""

import time
from collections.abc import Callable

import torch
from torch.nn.functional import linear

from src import onednn
from src.speed.work import Machine

ROUNDS = 8
ON_PROCESSOR, ON_GPU = ((512, 1024, 4096), (1024, 1024, 1024)), ((8192, 8192, 8192),)
MOVED_NUMBERS = 2**26  # 256 MB in float32: more than a cache holds


def measured_machine(device: str, dtype: torch.dtype, is_small: bool = False) -> Machine:
    """The rates of this machine. is_small: in milliseconds and roughly, for tests."""
    sizes = ((64, 64, 64),) if is_small else ON_GPU if device.startswith("cuda") else ON_PROCESSOR
    rates = [_rate(*size, device, dtype) for size in sizes]
    number = torch.zeros((), dtype=dtype).element_size()
    return Machine(max(rates), _bandwidth(device, 2**16 if is_small else MOVED_NUMBERS), number)


def _rate(rows: int, dim_in: int, dim_out: int, device: str, dtype: torch.dtype) -> float:
    """Operations a second of one product, laid out as suits the library best."""
    states = torch.randn(rows, dim_in, device=device).to(dtype)
    weight = torch.randn(dim_out, dim_in, device=device).to(dtype)
    ways = [lambda: linear(states, weight)]
    if onednn.is_here(states.device, dtype):
        packed = onednn.pack_linear(weight)
        ways.append(lambda: onednn.linear(states, packed, None))
    return 2 * rows * dim_in * dim_out / min(_seconds(way, device) for way in ways)


def _bandwidth(device: str, numbers: int) -> float:
    """Bytes a second of a copy, read and written."""
    source, goal = torch.ones(2, numbers, device=device)
    return 2 * source.nbytes / _seconds(lambda: goal.copy_(source), device)


def _seconds(work: Callable[[], object], device: str) -> float:
    """The shortest of several, after one that is not counted."""
    durations = []
    for _ in range(ROUNDS + 1):
        started = time.perf_counter()
        work()
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)
        durations.append(time.perf_counter() - started)
    return min(durations[1:])
