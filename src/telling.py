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
from src.transformer.alike import before_logits
from src.transformer.uvit import Condition, UViT, stack_conditions
from src.watching import is_hooked

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
        self._told = _Recent()  # by what was told
        self._at_start = _Recent()  # logits, by size, what was told, and on a GPU the company

    def tell(self, text: Text, micro_cond: Float[Tensor, "rows 5"]) -> list[Told]:
        """One `Told` a row; rows that are told the same share theirs."""
        keys = [b"".join(map(_bytes, row)) for row in zip(*text, micro_cond, strict=True)]
        if not all(key in self._told for key in keys):
            conditions = told_apart(self.transformer, text, micro_cond)
            for key, condition in zip(keys, conditions, strict=True):
                self._told.setdefault(key, Told(key, condition))
        return self._told.used(keys)

    def at_start(
        self, told: list[Told], token_ids: Int[Tensor, "rows height width"]
    ) -> Float[Tensor, "rows seq codes"]:
        """The logits of grids in which all is hidden: one answer for all who are told the same.

        On a processor a row has the same bits in any company, and is answered once for all. On a
        GPU it may not: there an answer is shared by passes of the same rows, and all of theirs are
        asked for together, however many are still known.
        """
        distinct = {each.key: each.condition for each in told}
        size = tuple(token_ids.shape[1:])
        company = () if token_ids.device.type == "cpu" else tuple(distinct)
        unknown = [key for key in distinct if (size, key, company) not in self._at_start]
        if unknown:
            new = list(distinct) if company else unknown
            condition = stack_conditions([distinct[key] for key in new])
            states = before_logits(self.transformer, token_ids[: len(new)], condition)
            said = self.transformer.logits_out(states).flatten(1, 2)
            self._at_start |= {
                (size, key, company): row for key, row in zip(new, said, strict=True)
            }
        return torch.stack(self._at_start.used([(size, each.key, company) for each in told]))


class _Recent(OrderedDict):
    """The last ones that were used; of those used at once the first ones stay longest.

    In a pass under guidance these are what is told without the prompt, for many prompts the same.
    """

    def used(self, keys: list[Any]) -> list[Any]:
        """Those of the keys, all of which are there; then all but the last used are forgotten."""
        found = [self[key] for key in keys]
        for key in reversed(keys):
            self.move_to_end(key)
        while len(self) > MOST_KEPT:
            self.popitem(last=False)
        return found


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
    return is_hooked(transformer)


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
