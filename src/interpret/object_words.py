"""Do maps of an object's name find the object? Words held against the renderer's own masks.

Dimensions: objects, height, width (in tokens), rows, columns (of pixels), positions.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from src.amused import Amused
from src.data.examples import Example
from src.data.glyphs import PICTOGRAMS
from src.errors import UserError
from src.interpret.teacher_forcing import hide_share
from src.interpret.word_drop import WordDrop, word_drop
from src.interpret.word_maps import TextAttention, text_attention, word_maps
from src.interpret.words import Words
from src.masking.corrupt import MaskedTokens

COVERED = 0.1  # share of a cell's pixels from which on it belongs to an object


class Looked(NamedTuple):
    """One real scene with hidden tokens, and the maps of the words that name its objects."""

    hidden: MaskedTokens  # of one picture
    names: tuple[int, ...]  # the place of each object's name among the words, in the scene's order
    coverage: Float[Tensor, "objects height width"]  # 0..1
    drop: WordDrop  # of each name, then of each "COLOR NAME"; in place
    left_out: WordDrop  # of each name, the words behind it moved up
    attention: TextAttention

    @property
    def is_hidden(self) -> Bool[Tensor, "height width"]:
        return self.hidden.is_masked[0]

    def score(
        self, values: Float[Tensor, "height width"], which: int, covered: float = COVERED
    ) -> float:
        """AUROC of a map for one object, over the hidden cells; NaN if all are of one kind."""
        is_object = self.coverage[which] > covered
        return auroc(values[self.is_hidden], is_object[self.is_hidden])


def look(amused: Amused, drawn: Example, mask_ratio: float, generator: Generator) -> Looked:
    """Encode a scene, hide a share of its tokens, drop its objects' names, watch the attention."""
    pixels = torch.from_numpy(drawn.picture).permute(2, 0, 1)[None].float() / 255
    token_ids = amused.encode_images(pixels)
    hidden = hide_share(token_ids, mask_ratio, amused.transformer.mask_token_id, generator)
    attention = text_attention(amused, hidden.token_ids, drawn.caption, drawn.micro_cond)
    names = object_names(attention.words, [thing.glyph for thing in drawn.scene.objects])
    alone, with_color = ([(name,) for name in names], [(name - 1, name) for name in names])
    told = (amused, hidden, drawn.caption, drawn.micro_cond)
    drop = word_drop(*told, alone + with_color, "in place")
    left_out = word_drop(*told, alone, "left out")
    height, width = token_ids.shape[1:]
    return Looked(hidden, names, coverage(drawn.masks, (height, width)), drop, left_out, attention)


def object_names(
    words: Words, glyphs: Sequence[str], known: Collection[str] = tuple(PICTOGRAMS)
) -> tuple[int, ...]:
    """The places of the words that name a scene's objects, which its caption tells in order.

    Raises UserError for a caption that names others.
    """
    found = tuple(place for place, text in enumerate(words.texts) if text in known)
    if [words.texts[place] for place in found] != list(glyphs):
        raise UserError(
            f"the caption '{words.prompt}' does not name {', '.join(glyphs)} in this order, each "
            "in one word; give the scene's own caption."
        )
    return found


def coverage(
    masks: Float[np.ndarray, "objects rows columns"], grid: tuple[int, int]
) -> Float[Tensor, "objects height width"]:
    """The share of each cell's pixels that an object covers, soft edges in parts."""
    height, width = grid
    cells = torch.from_numpy(masks).unflatten(1, (height, -1)).unflatten(3, (width, -1))
    return cells.mean(dim=(2, 4))


def auroc(scores: Float[Tensor, "positions"], is_positive: Bool[Tensor, "positions"]) -> float:
    """The chance that a positive has a higher score than a negative; ties count half. NaN if none.

    Hanley & McNeil 1982: 1 = all positives above all negatives, 0.5 = no relation.
    """
    above, below = scores[is_positive].double(), scores[~is_positive].double()
    if len(above) == 0 or len(below) == 0:
        return float("nan")
    gap = above[:, None] - below
    return float((gap > 0).double().mean() + 0.5 * (gap == 0).double().mean())


def maps_of(looked: Looked, which: int) -> dict[str, Float[Tensor, "height width"]]:
    """Every map that is held against an object, by what it is."""
    num, drop = len(looked.names), looked.drop
    change, divergence = drop.change[0], drop.divergence[0]
    by_site = looked.attention.by_site()
    is_trunk = [name.startswith("layers.") for name in looked.attention.sites]
    kinds = {"all attentions": by_site, "the layers' attentions": by_site[is_trunk]}
    words, name = looked.attention.words, looked.names[which]
    attended = {
        f"name read, {kind}": word_maps(words, maps.mean(dim=0)).maps[name]
        for kind, maps in kinds.items()
    }
    return {
        "name dropped, log-probability": change[which],
        "name dropped, absolute change": change[which].abs(),
        "name dropped, divergence": divergence[which],
        "name left out, log-probability": looked.left_out.change[0, which],
        "colour and name dropped, log-probability": change[num + which],
        "colour and name dropped, divergence": divergence[num + which],
        "the other object's name dropped, log-probability": change[(which + 1) % num],
        **attended,
    }
