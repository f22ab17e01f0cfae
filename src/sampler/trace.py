"""The record of a decoding: every step's state, stacked, on the CPU.

Dimensions: steps, batch, height, width (in tokens).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.errors import UserError
from src.sampler.step import Step


class Trace(NamedTuple):
    """What `Step` says, after each step; entry k belongs to step k + 1."""

    token_ids: Int[Tensor, "steps batch height width"]  # mask_token_id where still hidden
    drawn_ids: Int[Tensor, "steps batch height width"]  # a whole picture, to decode and look at
    is_masked: Bool[Tensor, "steps batch height width"]  # True = still hidden
    confidence: Float[Tensor, "steps batch height width"]  # nats; see Step
    num_scheduled: Int[Tensor, "steps batch"]
    num_masked: Int[Tensor, "steps batch"]
    num_passes: Int[Tensor, "steps batch"]  # times the model ran for each picture
    is_given: Bool[Tensor, "batch height width"]  # True = known from the start

    @property
    def num_steps(self) -> int:
        return len(self.token_ids)

    def picture(self, index: int) -> "Trace":
        """The trace of one picture of the batch, as a batch of one."""
        return self._pick([index])

    def _pick(self, pictures: list[int]) -> "Trace":
        stacked = (field[:, pictures] for field in self[:-1])
        return Trace(*stacked, is_given=self.is_given[pictures])


def record(
    start_token_ids: Int[Tensor, "batch height width"], mask_token_id: int, steps: Iterable[Step]
) -> Trace:
    """Run a decoding to its end and stack what it yields; raises UserError if it yields nothing."""
    taken = [Step(step.step, *(field.cpu() for field in step[1:])) for step in steps]
    if not taken:
        raise UserError("a trace needs at least one step; this decoding yielded none.")
    stacked = (torch.stack(field) for field in list(zip(*taken, strict=True))[1:])
    return Trace(*stacked, is_given=(start_token_ids != mask_token_id).cpu())


def join(traces: Sequence[Trace]) -> Trace:
    """The traces of several batches as one batch, in order; all with equally many steps."""
    if len({trace.num_steps for trace in traces}) != 1:
        found = [trace.num_steps for trace in traces]
        raise UserError(f"only traces of equally many steps can be joined; these have {found}.")
    fields = list(zip(*traces, strict=True))
    stacked = (torch.cat(field, dim=1) for field in fields[:-1])
    return Trace(*stacked, is_given=torch.cat(fields[-1]))
