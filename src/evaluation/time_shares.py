"""Where the time of one generation goes: every operation's own seconds, by part and by kind.

Own seconds leave out the operations inside an operation, so that all of them add up to the whole.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function

from src.part_names import DECODER, PREFIX, SAMPLER, TEXT, UVIT

WHOLE, REST = PREFIX + "generation", "rest"
PARTS = (TEXT, UVIT, SAMPLER, DECODER, REST)
KINDS = {  # what an operation's name, or that of one around it, begins with
    "attention": ("aten::scaled_dot_product", "aten::_scaled_dot_product"),
    "convolutions": (
        *("aten::conv", "aten::_conv", "aten::mkldnn_conv", "mkldnn::_conv", "aten::cudnn_conv"),
        "aten::thnn_conv",
    ),
    "matrix products": (
        *("aten::linear", "aten::mm", "aten::addmm", "aten::bmm", "aten::matmul", "mkl::"),
        *("mkldnn::_linear", "aten::mkldnn_linear", "onednn::", "aten::_int_mm"),
    ),
    "norms": (
        *("aten::rms_norm", "aten::layer_norm", "aten::native_layer_norm", "aten::group_norm"),
        "aten::native_group_norm",
    ),
    "compiled code": ("triton_", "## Call CompiledFxGraph", "Torch-Compiled Region", "graph_"),
    "copies": (
        *("aten::copy_", "aten::cat", "aten::clone", "aten::contiguous", "aten::index"),
        *("aten::to", "aten::_to_copy", "aten::embedding"),
    ),
    "noise": ("aten::rand", "aten::normal_", "aten::uniform_", "aten::multinomial"),
}
ELEMENTWISE, BETWEEN = "element by element", "Python, between operations"


class Share(NamedTuple):
    """What one kind of operation takes of one part."""

    part: str  # one of PARTS
    kind: str
    seconds: float


def time_shares(work: Callable[[], object]) -> list[Share]:
    """Do it once under torch's profiler; the shares by part, in order, largest kind first.

    Seconds of the processor, which on a GPU are those until a kernel is launched.
    """
    with profile(activities=[ProfilerActivity.CPU]) as profiled, record_function(WHOLE):
        work()
    found: dict[tuple[str, str], float] = defaultdict(float)
    for event in profiled.events():
        path = _path(event)
        if path[-1].name == WHOLE:
            found[_part(path), _kind(path)] += event.self_cpu_time_total / 1e6
    shares = [Share(*key, seconds) for key, seconds in found.items() if seconds > 0]
    return sorted(shares, key=lambda each: (PARTS.index(each.part), -each.seconds))


def _path(event: FunctionEvent) -> list[FunctionEvent]:
    """The event and all around it, from the inside out."""
    path: list[Any] = [event]
    while path[-1].cpu_parent is not None:
        path.append(path[-1].cpu_parent)
    return path


def _part(path: list[FunctionEvent]) -> str:
    names = (each.name for each in path)
    marked = next(name for name in names if name.startswith(PREFIX))
    return REST if marked == WHOLE else marked.removeprefix(PREFIX)


def _kind(path: list[FunctionEvent]) -> str:
    """By the outermost operation that has a kind: a norm's products are the norm's."""
    if path[0].name.startswith(PREFIX):
        return BETWEEN
    for each in reversed(path):
        for kind, starts in KINDS.items():
            if each.name.startswith(starts):
                return kind
    return ELEMENTWISE
