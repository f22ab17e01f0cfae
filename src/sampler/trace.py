"""The record of a decoding: every step's state, stacked, on the CPU.

Dimensions: steps, batch, height, width (in tokens), top (of the likeliest codes).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.errors import UserError
from src.sampler.opinion import Opinion
from src.sampler.step import Step

STACKED = Step._fields[1:-2]  # fields of every step that a trace has, one entry a step


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
    opinion: Opinion | None = None  # steps batch height width; None unless asked for
    corrector_margin: Float[Tensor, "steps batch height width"] | None = None  # see Canvas.margin

    @property
    def num_steps(self) -> int:
        return len(self.token_ids)

    def picture(self, index: int) -> "Trace":
        """The trace of one picture of the batch, as a batch of one."""
        return _each([self], lambda fields: fields[0][:, [index]], self.is_given[[index]])


def record(
    start_token_ids: Int[Tensor, "batch height width"], mask_token_id: int, steps: Iterable[Step]
) -> Trace:
    """Run a decoding to its end and stack what it yields; raises UserError if it yields nothing."""
    taken = list(steps)
    if not taken:
        raise UserError("a trace needs at least one step; this decoding yielded none.")

    def stacked(of_steps: list[Tensor]) -> Tensor:
        return torch.stack(of_steps).cpu()  # in the end: no step waits for a GPU

    return _each(taken, stacked, (start_token_ids != mask_token_id).cpu())


def join(traces: Sequence[Trace]) -> Trace:
    """The traces of several batches as one batch, in order; all with equally many steps."""
    if len({trace.num_steps for trace in traces}) != 1:
        found = [trace.num_steps for trace in traces]
        raise UserError(f"only traces of equally many steps can be joined; these have {found}.")
    is_given = torch.cat([trace.is_given for trace in traces])
    return _each(traces, lambda fields: torch.cat(fields, dim=1), is_given)


def _each(
    parts: Sequence[Step] | Sequence[Trace],
    together: Callable[[list[Tensor]], Tensor],
    is_given: Bool[Tensor, "batch height width"],
) -> Trace:
    """A trace whose every field is that of all parts, put together."""
    fields = {name: together([getattr(part, name) for part in parts]) for name in STACKED}
    opinions = [part.opinion for part in parts]
    opinion = None
    if None not in opinions:
        opinion = Opinion(*(together(list(field)) for field in zip(*opinions, strict=True)))
    margins = [part.corrector_margin for part in parts]
    margin = None if None in margins else together(margins)
    return Trace(**fields, is_given=is_given, opinion=opinion, corrector_margin=margin)
