"""Local steps: between whole steps, only what is new goes through the plain transformer.

New is a row whose token is hidden, or has changed since the row was last computed. Its queries meet
the keys and values of all rows, of which the others' are kept from the step that computed them, as
is what they ended in. The convolution stages before and after stay whole, for their windows and
their norm over the whole grid change every cell. An approximation: a kept row does not learn of
what has been settled since. After ReCAP (arXiv 2505.19089), whose models have no convolutions.

Dimensions: sequences (pictures, once for each side of guidance), height and width of the token
grid, seq (rows of the plain transformer), rows (computed ones), dim.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from src.transformer.blocks import Attention
from src.transformer.kept import Kept
from src.transformer.uvit import UViT


class LocalSteps:
    """The steps of one decoding, of which one in so many is whole; 1 = every one, exactly.

    Each sequence counts the steps in which it is partly hidden; the first of them is whole, and all
    that see it for the first time are. Where guidance begins late, it begins with a whole step for
    all of a pass. A corrector's passes count as well. Kept are a key and a value in each layer, and
    the last output, of every row.
    """

    def __init__(self, transformer: UViT, full_step_every: int):
        self._transformer, self._every = transformer, full_step_every
        self._kept: dict[nn.Module, Float[Tensor, "sequences seq dim"]] = {}
        self._seen_ids: Int[Tensor, "sequences height width"] | None = None  # when last computed
        self._num_steps: Int[Tensor, sequences] | None = None
        self._index: Int[Tensor, "sequences rows 1"] | None = None  # of the new rows; None = all

    @contextmanager
    def over(self, token_ids: Int[Tensor, "sequences height width"]) -> Iterator[None]:
        """Within, the transformer answers for these tokens, and computes their new rows alone.

        Of any number of sequences the last ones are those of a smaller number: guidance asks for
        those without the prompt first.
        """
        if self._every == 1:
            yield
            return
        self._choose(token_ids)
        transformer, layers = self._transformer, self._transformer.layers
        attentions = [layer.self_attention for layer in layers]
        transformer.layers = nn.ModuleList([_Entrance(self), *layers, _Exit(self)])
        for layer, attention in zip(layers, attentions, strict=True):
            layer.self_attention = _AttentionToAll(attention, self)
        try:
            yield
        finally:
            transformer.layers = layers
            for layer, attention in zip(layers, attentions, strict=True):
                layer.self_attention = attention

    def _choose(self, token_ids: Int[Tensor, "sequences height width"]) -> None:
        """Which rows are new; all, of a sequence that is due."""
        num = len(token_ids)
        is_first = self._seen_ids is None or len(self._seen_ids) < num
        if is_first:
            self._kept, self._seen_ids = {}, token_ids.clone()
            self._num_steps = torch.zeros_like(token_ids[:, 0, 0])
        is_hidden = token_ids == self._transformer.mask_token_id
        is_new = is_hidden | (token_ids != self._seen_ids[-num:])
        hidden = is_hidden.flatten(1)
        counts = hidden.any(dim=1) & ~hidden.all(dim=1)
        is_due = counts & (self._num_steps[-num:] % self._every == 0)
        self._seen_ids[-num:] = token_ids
        self._num_steps[-num:] += counts
        if self._transformer.config.downsample:  # a row is of four tokens
            is_new = max_pool2d(is_new.float(), 2) > 0
        is_row_new = is_new.flatten(1) | is_due[:, None] | is_first  # (sequences, seq)
        self._index = None if is_row_new.all() else _places(is_row_new)

    def new_rows(
        self, states: Float[Tensor, "sequences seq dim"]
    ) -> Float[Tensor, "sequences rows dim"]:
        """Those to compute, as many of each sequence; one with fewer repeats its first."""
        if self._index is None:
            return states
        return states.gather(1, self._index.expand(-1, -1, states.shape[2]))

    def all_rows(
        self, maker: nn.Module, rows: Float[Tensor, "sequences rows dim"]
    ) -> Float[Tensor, "sequences seq dim"]:
        """The new rows among those that `maker` made before, which they replace there."""
        if maker not in self._kept:
            self._kept[maker] = rows
            return rows
        kept = self._kept[maker][-len(rows) :]
        if self._index is None:
            return kept.copy_(rows)
        return kept.scatter_(1, self._index.expand(-1, -1, rows.shape[2]), rows)


class _Entrance(nn.Module):
    """Before the first layer: of all rows the new ones go on."""

    def __init__(self, steps: LocalSteps):
        super().__init__()
        self.steps = steps

    def forward(
        self, states: Float[Tensor, "sequences seq dim"], *told: object
    ) -> Float[Tensor, "sequences rows dim"]:
        return self.steps.new_rows(states)


class _Exit(_Entrance):
    """After the last layer: the new rows among the kept ones."""

    def forward(
        self, states: Float[Tensor, "sequences rows dim"], *told: object
    ) -> Float[Tensor, "sequences seq dim"]:
        return self.steps.all_rows(self.steps._transformer, states)


class _AttentionToAll(_Entrance):
    """An attention of new rows to all rows."""

    def __init__(self, attention: Attention, steps: LocalSteps):
        super().__init__(steps)
        self.attention = attention

    def forward(
        self,
        states: Float[Tensor, "sequences rows dim"],
        context: Float[Tensor, "sequences rows dim"],
    ) -> Float[Tensor, "sequences rows dim"]:
        return self.attention(states, _AmongAll(context, self.steps))


class _AmongAll(Kept):
    """New rows, of which a module makes what stands among all rows."""

    def __init__(self, rows: Float[Tensor, "sequences rows dim"], steps: LocalSteps):
        super().__init__(rows)
        self._steps = steps

    def _computed(self, module: nn.Module) -> Kept:
        return Kept(self._steps.all_rows(module, module(self.value)))


def _places(is_row_new: Bool[Tensor, "sequences seq"]) -> Int[Tensor, "sequences rows 1"]:
    """Where the new rows stand, in order."""
    counts = is_row_new.sum(dim=1, keepdim=True)
    order = is_row_new.int().argsort(dim=1, descending=True, stable=True)
    order = order[:, : max(1, int(counts.max()))]
    is_filler = torch.arange(order.shape[1], device=order.device) >= counts
    return torch.where(is_filler, order[:, :1], order)[:, :, None]
