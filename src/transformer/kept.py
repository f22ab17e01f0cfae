"""What the transformer is told is the same in every step; what its layers make of it is kept.

aMUSEd's U-ViT takes no timestep. So the keys and values of all its attentions to the text (34 in
the published models), and the scale and shift of every modulation, depend on the prompt and the
micro-conditions alone: one computation a picture instead of one a step. No number changes.
"""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor, nn


class Kept:
    """A tensor that no step changes, with what modules made of it so far.

    It keeps for as long as it lives itself, so it has to be made anew where the weights change.
    """

    def __init__(self, value: Tensor):
        self.value = value
        self._made: dict[nn.Module, Kept] = {}

    def through(self, module: nn.Module) -> "Kept":
        """What a module makes of it, computed at the first call."""
        if module not in self._made:
            self._made[module] = self._computed(module)
        return self._made[module]

    def _computed(self, module: nn.Module) -> "Kept":
        return Kept(module(self.value))


class _Rows(Kept):
    """The rows of several, one below the other; each computes for itself, whatever its company."""

    def __init__(self, parts: Sequence[Kept]):
        self._parts = parts
        self._made = {}

    @cached_property
    def value(self) -> Tensor:
        return torch.cat([part.value for part in self._parts])

    def _computed(self, module: nn.Module) -> Kept:
        return _Rows([part.through(module) for part in self._parts])


def stack_kept(parts: Sequence[Kept]) -> Kept:
    """Several as one batch, which shares what each of them keeps."""
    return parts[0] if len(parts) == 1 else _Rows(parts)


def through(module: nn.Module, told: Tensor | Kept) -> Tensor | Kept:
    """`module(told)`: kept where `told` is, and computed anew where it is a bare tensor."""
    return told.through(module) if isinstance(told, Kept) else module(told)


def bare(told: Tensor | Kept) -> Tensor:
    """The tensor itself."""
    return told.value if isinstance(told, Kept) else told
