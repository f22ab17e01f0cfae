"""What was made of a module's parameters, kept until they change.

It lies outside the modules: saving, hashing, copying and training know nothing of it.
"""

from collections.abc import Callable, Hashable, Sequence
from itertools import chain
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from torch import Tensor, nn


class _Made(NamedTuple):
    """Something made, and by what to see that it is still of these parameters."""

    parameters: list[Tensor]  # held, so that their place in memory is nobody else's
    versions: list[int]  # how often they had been written to
    thing: Any


_MADE: WeakKeyDictionary[nn.Module, dict[Hashable, _Made]] = WeakKeyDictionary()


def prepared(
    module: nn.Module,
    kind: Hashable,
    parameters: Sequence[Tensor],
    make: Callable[[], Any],
) -> Any:
    """What `make` gives, made at the first call, and anew after the parameters have changed.

    kind: tells apart what is made of one module in several ways. A change through `.data` in place
    is not seen.
    """
    kept = _MADE.setdefault(module, {})
    if kind not in kept or not _is_of(kept[kind], parameters):
        kept.pop(kind, None)  # before its successor comes, so that both never are there
        held = [each.detach() for each in parameters]
        kept[kind] = _Made(held, [each._version for each in parameters], make())
    return kept[kind].thing


def forget(*modules: nn.Module) -> None:
    """Let go of all that was made of modules and their parts, as when they move to another device.

    It would be found stale at the next call, and until then hold the memory that was left.
    """
    for each in chain.from_iterable(module.modules() for module in modules):
        _MADE.pop(each, None)


def _is_of(made: _Made, parameters: Sequence[Tensor]) -> bool:
    return all(
        each.data_ptr() == held.data_ptr() and each._version == version
        for each, held, version in zip(parameters, made.parameters, made.versions, strict=True)
    )
