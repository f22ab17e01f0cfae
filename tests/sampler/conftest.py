"""A toy model for the samplers: it has an opinion, and the visible tokens change it."""

from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor

from src.sampler.guidance import Logits

CODES = 20
MASK = 24  # four padded ids lie between the codes and the mask id, as in aMUSEd


class ToyModel:
    """Logits that differ by position and code, and with every visible token of the same picture."""

    def __init__(self, spread: float = 2.0, dtype: torch.dtype = torch.float32) -> None:
        self.spread, self.dtype = spread, dtype
        self.calls: list[tuple[Tensor, Tensor, bool]] = []

    def __call__(self, token_ids: Tensor, is_masked: Tensor, need_unconditional: bool) -> Logits:
        self.calls.append((token_ids.clone(), is_masked.clone(), need_unconditional))
        unconditional = self.logits(token_ids, prompt=0) if need_unconditional else None
        return Logits(self.logits(token_ids, prompt=1), unconditional)

    def logits(self, token_ids: Tensor, prompt: int) -> Tensor:
        seq = token_ids[0].numel()
        table = torch.randn(seq, CODES, generator=Generator().manual_seed(prompt))
        turn = torch.randn(seq, seq, generator=Generator().manual_seed(7))
        seen = torch.where(token_ids == MASK, 0, token_ids + 1).flatten(1).float()
        rows = [(turn * row).sum(dim=1).sin()[:, None] + table for row in seen]  # alone, each
        return (self.spread * torch.stack(rows)).to(self.dtype)


@pytest.fixture
def toy_model() -> Callable[..., ToyModel]:
    return ToyModel


@pytest.fixture
def hidden() -> Callable[..., Tensor]:
    """A start with everything hidden: hidden(batch, height, width)."""
    return lambda *shape: torch.full(shape, MASK)
