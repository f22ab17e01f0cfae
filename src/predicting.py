"""The transformer as the sampler sees it: a function from tokens to logits, told of its pictures.

Dimensions: batch, height, width (in tokens), seq (= height * width, row by row), few (positions
that are asked about), codes.
"""

from functools import cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.conditioning.rows import Rows
from src.errors import UserError
from src.part_names import UVIT, as_part
from src.sampler.guidance import Logits
from src.sampler.model_pass import Predict
from src.telling import Telling, is_watched, told_apart
from src.transformer.alike import before_logits
from src.transformer.local_steps import LocalSteps
from src.transformer.uvit import Condition, UViT, stack_conditions


def predict_for(
    transformer: UViT, rows: Rows, telling: Telling | None = None, full_step_every: int = 1
) -> Predict:
    """A `Predict` for these pictures; what the steps share is computed once, when first needed.

    telling: what others were told, shared by whoever is told the same; None = by nobody else.
    full_step_every: above 1 an approximation, for one decoding alone; see `LocalSteps`.

    Raises UserError for local steps of a compiled model, which compiles whole ones alone.
    """
    if full_step_every > 1 and transformer.is_compiled:
        raise UserError(
            f"full_step_every={full_step_every} asks a compiled model for local steps, and only "
            "whole ones are compiled: draw with full_step_every=1, or open it without compile()"
        )
    telling = telling or Telling(transformer)
    if rows.regions is not None:
        return _by_regions(telling, rows, full_step_every)
    return Asking(telling, rows, full_step_every)


class Asking:
    """A transformer, told of its pictures; it answers for some of their positions or for all.

    Both sides of guidance go through it in one pass, the unconditional one first, as upstream's.
    """

    def __init__(self, telling: Telling, rows: Rows, full_step_every: int = 1):
        self._transformer, self._telling = telling.transformer, telling
        self._local = LocalSteps(telling.transformer, full_step_every)
        self._is_exact = full_step_every == 1
        sides = {False: (rows.text, rows.micro_cond), True: rows.with_negatives_first()}
        self._told = cache(lambda is_twice: telling.tell(*sides[is_twice]))
        self._stacked = cache(
            lambda is_twice: stack_conditions([each.condition for each in self._told(is_twice)])
        )
        self._told_afresh = cache(
            lambda is_twice: stack_conditions(told_apart(telling.transformer, *sides[is_twice]))
        )

    def __call__(
        self,
        token_ids: Int[Tensor, "batch height width"],
        is_masked: Bool[Tensor, "batch height width"],
        need_unconditional: bool,
    ) -> Logits:
        """The logits of all positions (seq)."""
        everywhere = torch.arange(is_masked[0].numel(), device=token_ids.device)
        positions = everywhere.expand(len(token_ids), -1)
        is_all_hidden = bool((token_ids == self._transformer.mask_token_id).all())
        return self.at(token_ids, positions, is_all_hidden, need_unconditional)

    @as_part(UVIT)
    def at(
        self,
        token_ids: Int[Tensor, "batch height width"],
        positions: Int[Tensor, "batch few"],
        is_all_hidden: bool,
        need_unconditional: bool,
    ) -> Logits:
        """The logits of some positions, counted row by row, as `batch few codes`."""
        is_twice, times = need_unconditional, 1 + need_unconditional
        rows, places = token_ids.repeat(times, 1, 1), positions.repeat(times, 1)
        if is_watched(self._transformer):
            with self._local.over(rows):
                all_logits = self._transformer.predict(rows, self._told_afresh(is_twice))
            logits = _taken(all_logits, places)
        elif is_all_hidden:
            logits = _taken(self._telling.at_start(self._told(is_twice), rows), places)
        else:
            states = self._before_logits(rows, self._stacked(is_twice)).flatten(1, 2)
            logits = self._transformer.logits_out(_taken(states, places))
        if not need_unconditional:
            return Logits(logits, None)
        unconditional, conditional = logits.chunk(2)
        return Logits(conditional, unconditional)

    def _before_logits(
        self, token_ids: Int[Tensor, "rows height width"], condition: Condition
    ) -> Float[Tensor, "rows height width in"]:
        if self._is_exact:
            return before_logits(self._transformer, token_ids, condition)
        with self._local.over(token_ids):
            return self._transformer.before_logits(token_ids, condition)


def _by_regions(telling: Telling, rows: Rows, full_step_every: int) -> Predict:
    """Each prompt is asked by itself, and at every token the answers are mixed by its shares.

    As guidance is linear in the logits, mixing them mixes what is guided.
    """
    regions = rows.regions.to(rows.micro_cond.device)
    alone = [
        Asking(telling, rows._replace(text=text, regions=None), full_step_every)
        for text in regions.texts
    ]
    shares = regions.shares.flatten(1)[:, None, :, None]  # (regions, 1, seq, 1)

    def predict(token_ids: Tensor, is_masked: Tensor, need_unconditional: bool) -> Logits:
        said = [
            ask(regions.seen_by(region, token_ids, is_masked), is_masked, need_unconditional)
            for region, ask in enumerate(alone)
        ]
        return Logits(
            _mixed([each.conditional for each in said], shares),
            _mixed([each.unconditional for each in said], shares) if need_unconditional else None,
        )

    return predict


def _mixed(
    logits: list[Float[Tensor, "batch seq codes"]], shares: Float[Tensor, "regions 1 seq 1"]
) -> Float[Tensor, "batch seq codes"]:
    return (torch.stack(logits) * shares.to(logits[0].dtype)).sum(dim=0)


def _taken(
    rows: Float[Tensor, "rows seq width"], positions: Int[Tensor, "rows few"]
) -> Float[Tensor, "rows few width"]:
    if positions.shape[1] == rows.shape[1]:  # all of them, in their order
        return rows
    return rows.take_along_dim(positions[:, :, None], dim=1)
