"""Cells that look alike are computed once: of a grid in which all is hidden, most of them.

The U-ViT has no position embeddings. What its first stage makes of a cell depends on what the cell
sees through as many 3x3 windows as the stage has blocks, the grid's edge included, and on norms
over the whole grid. Two cells with equal surroundings enter the plain transformer equal, and as all
that it asks of a place is what stands there, they leave it equal. Of a hidden grid of 16 x 16 it
computes 49 rows for 256. Attentions are still asked for every cell, by far the smaller part, so
that by packed maps (`Linear`) a row has the same bits whatever pictures it is computed with.

Dimensions: batch, height and width of the grid of tokens, cells (of the transformer's grid, row by
row; four tokens each where the first stage halves it), rows (computed ones), dim.
"""

from copy import copy
from math import prod
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad

from src.transformer.config import TransformerConfig
from src.transformer.uvit import Condition, UViT

LEAST_DIM = 512  # of a transformer: below, to look for them costs what it gains
MOST_ROWS = 0.75  # of the cells, or too little is gained
BEYOND = -1  # the token id of what lies beyond the edge


class Alike(NamedTuple):
    """Which cells look alike."""

    first: Int[Tensor, "batch rows"]  # the first cell of each kind; a picture with fewer repeats
    kind: Int[Tensor, "batch cells"]  # of each cell: its place among those rows

    def ones(self, states: Float[Tensor, "batch cells dim"]) -> Float[Tensor, "batch rows dim"]:
        """One cell of each kind."""
        return _picked(states, self.first)

    def all(self, rows: Float[Tensor, "batch rows dim"]) -> Float[Tensor, "batch cells dim"]:
        """Every cell, as its kind is."""
        return _picked(rows, self.kind)


def _picked(
    rows: Float[Tensor, "batch rows dim"], places: Int[Tensor, "batch few"]
) -> Float[Tensor, "batch few dim"]:
    """Whole rows, which `gather` would pick number by number."""
    starts = torch.arange(len(rows), device=rows.device)[:, None] * rows.shape[1]
    return rows.flatten(0, 1)[(places + starts).flatten()].unflatten(0, places.shape)


def before_logits(
    transformer: UViT, token_ids: Int[Tensor, "batch height width"], condition: Condition
) -> Float[Tensor, "batch height width in"]:
    """`UViT.before_logits`, on a processor with cells that look alike computed once.

    Elsewhere it would have to wait for what the tokens are, and a small batch is not bound by
    arithmetic there. Nor is it done in a compiled transformer, whose shapes should stay, in
    training, where dropout tells equal cells apart, and where something stands for a layer.
    """
    if token_ids.device.type != "cpu" or not _is_suited(transformer):
        return transformer.before_logits(token_ids, condition)
    alike = look_alike(token_ids, transformer.config.num_res_blocks, transformer.config.downsample)
    if alike.first.shape[1] > MOST_ROWS * alike.kind.shape[1]:
        return transformer.before_logits(token_ids, condition)
    return _sharing(transformer, alike).before_logits(token_ids, condition)


def num_kinds(config: TransformerConfig, grid: tuple[int, int], num_known: int = 0) -> int:
    """The most kinds of cells that a grid of tokens can have, of which so many are not hidden.

    Without any, as many as differ in their distance from the edges; one more token is seen by as
    many cells as its own sees.
    """
    sides = [side // 2 if config.downsample else side for side in grid]
    window = 2 * config.num_res_blocks + 1
    return min(prod(min(side, window) for side in sides) + num_known * window**2, prod(sides))


def _is_suited(transformer: UViT) -> bool:
    is_large = transformer.config.hidden_size >= LEAST_DIM
    is_plain = not any("forward" in vars(each) for each in transformer.layers.modules())
    return is_large and is_plain and not (transformer.training or transformer.is_compiled)


def look_alike(token_ids: Int[Tensor, "batch height width"], reach: int, is_halved: bool) -> Alike:
    """Sort the cells by all they see within so many cells; is_halved: a cell is 2 x 2 tokens."""
    side, step = (4 * reach + 2, 2) if is_halved else (2 * reach + 1, 1)
    padded = pad(token_ids, (step * reach,) * 4, value=BEYOND)
    seen = padded.unfold(1, side, step).unfold(2, side, step).flatten(3).flatten(1, 2)
    found = [picture.unique(dim=0, return_inverse=True)[1] for picture in seen]
    most = max(int(kind.max()) for kind in found) + 1
    cells = torch.arange(seen.shape[1], device=seen.device)
    firsts = [  # a kind that another picture has more of stays the first cell
        cells.new_zeros(most).scatter_reduce(0, kind, cells, "amin", include_self=False)
        for kind in found
    ]
    return Alike(torch.stack(firsts), torch.stack(found))


def _sharing(transformer: UViT, alike: Alike) -> UViT:
    """The transformer as a view of its own: of these cells, others may ask it for others."""
    layers = []
    for layer in transformer.layers:
        to_self, to_text = _view(layer.self_attention), _view(layer.text_attention)
        for name in ("query", "key", "value"):
            setattr(to_self, name, _ToAll(getattr(to_self, name), alike))
        to_text.query = _ToAll(to_text.query, alike)
        for attention in (to_self, to_text):
            attention.out = _OfOnes(attention.out, alike)
        shared = _view(layer)
        shared.self_attention, shared.text_attention = to_self, to_text
        layers.append(shared)
    view = _view(transformer)
    view.layers = nn.ModuleList([_Entrance(alike), *layers, _Exit(alike)])
    return view


def _view(module: nn.Module) -> nn.Module:
    """The same parts and parameters under another roof, where some may be exchanged."""
    view = copy(module)
    view._modules = dict(module._modules)
    return view


class _ToAll(nn.Module):
    """A map of one row a kind, which all cells of the kind are then given."""

    def __init__(self, inner: nn.Module, alike: Alike):
        super().__init__()
        self.inner, self.alike = inner, alike

    def forward(self, rows: Float[Tensor, "batch rows dim"]) -> Float[Tensor, "batch cells out"]:
        return self.alike.all(self.inner(rows))


class _OfOnes(_ToAll):
    """A map of all cells, taken of one cell a kind."""

    def forward(self, states: Float[Tensor, "batch cells dim"]) -> Float[Tensor, "batch rows out"]:
        return self.inner(self.alike.ones(states))


class _Entrance(nn.Module):
    """Before the first layer: one row a kind goes on."""

    def __init__(self, alike: Alike):
        super().__init__()
        self.alike = alike

    def forward(
        self, states: Float[Tensor, "batch cells dim"], *told: object
    ) -> Float[Tensor, "batch rows dim"]:
        return self.alike.ones(states)


class _Exit(_Entrance):
    """After the last layer: every cell again."""

    def forward(
        self, states: Float[Tensor, "batch rows dim"], *told: object
    ) -> Float[Tensor, "batch cells dim"]:
        return self.alike.all(states)
