"""What a transformer is told, kept for whoever is told the same: pictures of one prompt, guidance.

Dimensions: rows (pictures, once for each side of guidance), height, width (in tokens), seq
(= height * width, row by row), codes.
"""

from collections import OrderedDict

import torch
from jaxtyping import Float, Int
from torch import Tensor

from src.conditioning.text import Text
from src.transformer.uvit import Condition, UViT

MOST_KEPT = 8  # rows; one of aMUSEd-256 takes 30 MB in float32


class Told:
    """One row that a transformer was told, with what it makes of that alone."""

    def __init__(self, transformer: UViT, condition: Condition):
        self._transformer = transformer
        self.condition = condition
        self._at_start: dict[tuple[int, ...], Float[Tensor, "1 seq codes"]] = {}

    def at_start(self, token_ids: Int[Tensor, "1 height width"]) -> Float[Tensor, "1 seq codes"]:
        """The logits of a grid in which all is hidden: one answer for every picture of a size."""
        size = tuple(token_ids.shape)
        if size not in self._at_start:
            self._at_start[size] = self._transformer.predict(token_ids, self.condition)
        return self._at_start[size]


class Telling:
    """The rows that a transformer was told last; who is told one again shares it.

    What layers make of a row they make of it alone, so that it has the same bits in any company. It
    holds for as long as the weights stay as they are.
    """

    def __init__(self, transformer: UViT):
        self.transformer = transformer
        self._kept: OrderedDict[bytes, Told] = OrderedDict()

    def tell(self, text: Text, micro_cond: Float[Tensor, "rows 5"]) -> list[Told]:
        """One `Told` a row."""
        keys = [b"".join(map(_bytes, row)) for row in zip(*text, micro_cond, strict=True)]
        told = [self._kept.get(key) for key in keys]
        if None in told:
            conditions = told_apart(self.transformer, text, micro_cond)
            told = [
                Told(self.transformer, condition) if known is None else known
                for known, condition in zip(told, conditions, strict=True)
            ]
        for key, each in zip(keys, told, strict=True):
            self._kept[key] = each
            self._kept.move_to_end(key)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return told


def told_apart(
    transformer: UViT, text: Text, micro_cond: Float[Tensor, "rows 5"]
) -> list[Condition]:
    """What a transformer is told of each row, told in one pass, for layers to work on alone."""
    condition = transformer.prepare(text.text_states, text.pooled_text, micro_cond)
    rows = zip(*(part.split(1) for part in condition), strict=True)
    return [Condition(*row).kept() for row in rows]


def is_watched(transformer: UViT) -> bool:
    """Whether someone looks inside or learns: then every pass has to run, whole and in its turn."""
    if torch.is_grad_enabled() or "predict" in vars(transformer):
        return True
    return any(
        module._forward_hooks or module._forward_pre_hooks for module in transformer.modules()
    )


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
