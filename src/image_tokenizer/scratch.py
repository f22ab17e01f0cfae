"""Memory that is used again and again while one picture is decoded."""

from math import prod

import torch
from torch import Tensor


class Scratch:
    """Tensors by name; asking again gives the same memory, as another shape if need be.

    Fresh memory costs the system's zeroing of its pages: more than the arithmetic done in it.
    """

    def __init__(self, device: torch.device):
        self.device = device
        self._held: dict[tuple[str, torch.dtype], Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Tensor:
        """A tensor of what numbers happen to be there, good until its name is taken again."""
        key, size = (name, dtype), prod(shape)
        if key not in self._held or self._held[key].numel() < size:
            self._held.pop(key, None)  # before its successor comes, so that both never are there
            self._held[key] = torch.empty(size, dtype=dtype, device=self.device)
        return self._held[key][:size].view(shape)
