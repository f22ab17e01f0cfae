"""What a transformer is told, kept for whoever is told the same: pictures of one prompt, guidance.

Dimensions: rows (pictures, once for each side of guidance), height, width (in tokens), seq
(= height * width, row by row), codes.
"""

from collections import OrderedDict
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from src.conditioning.text import Text
from src.transformer.uvit import Condition, UViT, stack_conditions

MOST_KEPT = 8  # rows; one of aMUSEd-256 takes 30 MB in float32


class Told(NamedTuple):
    """One row that a transformer was told."""

    key: bytes  # the same for rows that are told the same
    condition: Condition  # with all that layers made of it


class Telling:
    """The rows that a transformer was told last; who is told one again shares it.

    What layers make of a row they make of it alone, so that it has the same bits in any company. It
    holds for as long as the weights stay as they are.
    """

    def __init__(self, transformer: UViT):
        self.transformer = transformer
        self._told: OrderedDict[bytes, Told] = OrderedDict()
        self._at_start: OrderedDict[tuple, Float[Tensor, "group seq codes"]] = OrderedDict()

    def tell(self, text: Text, micro_cond: Float[Tensor, "rows 5"]) -> list[Told]:
        """One `Told` a row; rows that are told the same share theirs."""
        keys = [b"".join(map(_bytes, row)) for row in zip(*text, micro_cond, strict=True)]
        if not all(key in self._told for key in keys):
            conditions = told_apart(self.transformer, text, micro_cond)
            for key, condition in zip(keys, conditions, strict=True):
                self._told.setdefault(key, Told(key, condition))
        found = [self._told[key] for key in keys]
        for key in keys:
            self._told.move_to_end(key)
        _forget(self._told)
        return found

    def at_start(
        self, told: list[Told], token_ids: Int[Tensor, "rows height width"]
    ) -> Float[Tensor, "rows seq codes"]:
        """The logits of grids in which all is hidden: one answer for all who are told the same.

        On a processor a row has the same bits in any company, and is answered once for all. On a
        GPU it may not, and the answer is shared by passes of the same rows.
        """
        distinct = list({each.key: each for each in told}.values())
        size = tuple(token_ids.shape[1:])
        names = [(size, each.key) for each in distinct]
        if token_ids.device.type != "cpu":
            names = [(*name, *(each.key for each in distinct)) for name in names]
        new = [row for row, name in enumerate(names) if name not in self._at_start]
        if new:
            condition = stack_conditions([distinct[row].condition for row in new])
            said = self.transformer.predict(token_ids[: len(new)], condition)
            self._at_start |= {names[row]: said[place] for place, row in enumerate(new)}
        answers = {
            each.key: self._at_start[name] for each, name in zip(distinct, names, strict=True)
        }
        _forget(self._at_start)
        return torch.stack([answers[each.key] for each in told])


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


def _forget(kept: OrderedDict[Any, Any]) -> None:
    while len(kept) > MOST_KEPT:
        kept.popitem(last=False)


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
