"""Local steps: between whole steps, only what is new goes through the plain transformer.

New is a row whose token is hidden, or has changed since the row was last computed. Its queries meet
the keys and values of all rows, of which the others' are kept from the step that computed them, as
is what they ended in. The convolution stages before and after stay whole, for their windows and
their norm over the whole grid change every cell. An approximation: a kept row does not learn of
what has been settled since. After ReCAP (arXiv 2505.19089), which has no convolutions.

Dimensions: batch, height and width of the token grid, sequences (the pictures, and before them,
where guidance asks, the same ones without the prompt), seq (rows of one sequence), rows (computed
ones), dim.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, scaled_dot_product_attention

from src.transformer.blocks import TransformerLayer
from src.transformer.uvit import UViT

OUT = "out"  # what the last layer says; keys and values are kept by layer


def with_local_steps(predict: Callable, transformer: UViT, full_step_every: int) -> Callable:
    """`predict`, of which one call in so many is whole, for the steps of one decoding; 1 = itself.

    predict: called with token_ids, is_masked (True = hidden), need_unconditional, it asks the
        transformer for one sequence a picture, or for two, those without the prompt first.
    Each picture counts the calls in which something of it was hidden. Where guidance comes late, it
    begins with a whole step for all of the pass. Kept are two rows and a bit of each layer a token.
    """
    if full_step_every == 1:
        return predict
    kept = KeptRows(full_step_every, len(transformer.layers))

    def locally(token_ids: Tensor, is_masked: Tensor, need_unconditional: bool):
        kept.look_at(token_ids, is_masked)
        with local_layers(transformer, kept):
            return predict(token_ids, is_masked, need_unconditional)

    return locally


@contextmanager
def local_layers(transformer: UViT, kept: "KeptRows") -> Iterator[None]:
    """Within, the transformer's layers compute and keep rows as `kept` says."""
    own = transformer.layers
    local = [LocalLayer(layer, kept, place) for place, layer in enumerate(own)]
    transformer.layers = nn.ModuleList(local)
    try:
        yield
    finally:
        transformer.layers = own


class LocalLayer(nn.Module):
    """A layer that computes some rows against the keys and values of all; it has no weights."""

    def __init__(self, layer: TransformerLayer, kept: "KeptRows", place: int):
        super().__init__()
        self.layer, self.kept, self.place = layer, kept, place

    def forward(
        self,
        states: Float[Tensor, "sequences entering dim"],
        text: Float[Tensor, "sequences words dim"],
        condition: Float[Tensor, "sequences dim"],
    ) -> Float[Tensor, "sequences leaving dim"]:
        """All rows enter the first layer and leave the last one; between, the new ones alone."""
        layer, kept = self.layer, self.kept
        rows = kept.new_rows(states) if self.place == 0 else states
        rows = rows + self._attend(layer.self_modulation(layer.self_norm(rows), condition))
        normed = layer.text_modulation(layer.text_norm(rows), condition)
        rows = rows + layer.text_attention(normed, text)
        normed = layer.feed_forward_modulation(layer.feed_forward_norm(rows), condition)
        rows = rows + layer.feed_forward(normed)
        return kept.all_rows(OUT, rows) if self.place == kept.num_layers - 1 else rows

    def _attend(
        self, normed: Float[Tensor, "sequences rows dim"]
    ) -> Float[Tensor, "sequences rows dim"]:
        attention = self.layer.self_attention
        keys = self.kept.all_rows(f"keys.{self.place}", attention.key(normed))
        values = self.kept.all_rows(f"values.{self.place}", attention.value(normed))
        by_head = (
            each.unflatten(-1, (attention.heads, -1)).transpose(1, 2)
            for each in (attention.query(normed), keys, values)
        )
        mixed = scaled_dot_product_attention(*by_head)
        return attention.dropout(attention.out(mixed.transpose(1, 2).flatten(2)))


class KeptRows:
    """What was last computed of every row of every sequence, and which rows are new now."""

    def __init__(self, full_step_every: int, num_layers: int):
        self.full_step_every, self.num_layers = full_step_every, num_layers
        self._kept: dict[str, Float[Tensor, "sequences seq dim"]] = {}

    def look_at(
        self,
        token_ids: Int[Tensor, "batch height width"],
        is_masked: Bool[Tensor, "batch height width"],
    ) -> None:
        """What the next call of the layers is about."""
        self._now = token_ids, is_masked

    def new_rows(
        self, states: Float[Tensor, "sequences seq dim"]
    ) -> Float[Tensor, "sequences rows dim"]:
        """The rows to compute, as many of each sequence: the first of them again where it has few.

        A sequence that is asked for the first time, or is due, has all of them.
        """
        num = len(states)
        token_ids, is_masked = (
            each.repeat(num // len(each), 1, 1) for each in self._now
        )  # (sequences, height, width) each
        if not self._kept or len(self._seen_ids) < num:
            self._kept, self._seen_ids = {}, token_ids.clone()
            self._num_calls = torch.zeros_like(token_ids[:, 0, 0])
        is_new = is_masked | (token_ids != self._seen_ids[-num:])
        has_hidden = is_masked.flatten(1).any(dim=1)
        is_due = has_hidden & (self._num_calls[-num:] % self.full_step_every == 0)
        self._seen_ids[-num:], self._num_calls[-num:] = (
            token_ids,
            self._num_calls[-num:] + has_hidden,
        )
        if not self._kept:
            is_due = torch.ones_like(is_due)
        is_row_new = _cells(is_new, states.shape[1]) | is_due[:, None]  # (sequences, seq)
        self._index = None if is_row_new.all() else _places(is_row_new)
        if self._index is None:
            return states
        return states.gather(1, self._index.expand(-1, -1, states.shape[2]))

    def all_rows(
        self, name: str, rows: Float[Tensor, "sequences rows dim"]
    ) -> Float[Tensor, "sequences seq dim"]:
        """The new rows among the kept ones, which they replace there; to be read, not written."""
        if name not in self._kept:
            self._kept[name] = rows
            return rows
        kept = self._kept[name][-len(rows) :]
        if self._index is None:
            return kept.copy_(rows)
        return kept.scatter_(1, self._index.expand(-1, -1, rows.shape[2]), rows)


def _cells(
    is_new: Bool[Tensor, "sequences height width"], num_rows: int
) -> Bool[Tensor, "sequences seq"]:
    """Whether a row of the transformer's grid is new: one of its tokens, where sides are halved."""
    if is_new[0].numel() != num_rows:
        is_new = max_pool2d(is_new.float(), 2) > 0
    return is_new.flatten(1)


def _places(is_row_new: Bool[Tensor, "sequences seq"]) -> Int[Tensor, "sequences rows 1"]:
    """Where the new rows stand, in order; a sequence with fewer than another repeats its first."""
    counts = is_row_new.sum(dim=1, keepdim=True)
    order = is_row_new.int().argsort(dim=1, descending=True, stable=True)
    order = order[:, : max(1, int(counts.max()))]
    is_filler = torch.arange(order.shape[1], device=order.device) >= counts
    return torch.where(is_filler, order[:, :1], order)[:, :, None]
