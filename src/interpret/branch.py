"""One picture's way through a decoding, with all that was changed on it.

Dimensions: steps, states (0 = the start, then one a step), height, width (in tokens), seq
(= height * width, row by row).
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from src.errors import UserError, shown
from src.interpret.ask_again import Run, canvas_before, trace_of
from src.interpret.checked import check_picture
from src.interpret.edits import Edits, Position, edited
from src.recipe import Recipe
from src.sampler.choices import Canvas
from src.sampler.trace import Trace


class Branch(NamedTuple):
    """From the first step to the last; a function of the recipe and what was changed when."""

    trace: Trace  # of one picture; is_given: known from the start, whatever was pinned later
    recipe: Recipe  # of its start
    mask_token_id: int
    history: tuple[tuple[int, Edits], ...] = ()  # (after step, what was changed then), in order
    weights_hash: str | None = None  # that a file names; None = drawn in memory

    @property
    def num_steps(self) -> int:
        return self.trace.num_steps

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width in tokens."""
        height, width = self.trace.is_given.shape[1:]
        return height, width

    @property
    def token_ids(self) -> Int[Tensor, "1 height width"]:
        """The finished picture, for `Amused.decode_tokens`."""
        return self.trace.token_ids[-1]

    def until(self, after_step: int) -> tuple[tuple[int, Edits], ...]:
        """What was changed up to a step, that step included; later changes are another way."""
        return tuple(each for each in self.history if each[0] <= after_step)


class Told(NamedTuple):
    """What holds in a decoding after some edits."""

    recipe: Recipe  # with the prompts, micro-conditions and seed in force
    forbidden: dict[Position, set[int]]


def branch_of(generation: Run, mask_token_id: Any, picture: int = 0) -> Branch:
    """The unedited way of one picture of a recorded, seeded generation, or of a file of one.

    Raises UserError for others, and for a mask id that its hidden tokens have not.
    """
    trace, recipe = trace_of(generation), generation.recipe
    if recipe.seeds is None or recipe.prompts is None or recipe.negative_prompts is None:
        raise UserError(
            "this generation was drawn from a generator or from encoded text and cannot be taken "
            "up again; draw it from prompts with seeds."
        )
    check_picture(picture, len(recipe.seeds))
    _check_mask_token_id(trace, mask_token_id)
    return Branch(
        trace.picture(picture),
        recipe.of_picture(picture),
        mask_token_id,
        weights_hash=getattr(generation, "weights_hash", None),
    )


def told_by(recipe: Recipe, history: Collection[tuple[int, Edits]]) -> Told:
    """What is in force at the end of a history; the last word counts."""
    forbidden: dict[Position, set[int]] = {}
    for _, edits in history:
        changes = {
            "prompts": edits.prompt,
            "negative_prompts": edits.negative_prompt,
            "micro_cond": edits.micro_cond,
            "seeds": edits.seed,
        }
        if recipe.negative_micro_cond == recipe.micro_cond:
            changes["negative_micro_cond"] = edits.micro_cond
        said = {key: [value] for key, value in changes.items() if value is not None}
        recipe = replace(recipe, **said)
        forbidden |= {place: set(codes) for place, codes in edits.forbidden.items()}
    return Told(recipe, forbidden)


def canvas_after(branch: Branch, after_step: int) -> Canvas:
    """What the next step would begin with; after_step 0 is the start.

    Raises UserError for a step that is not there.
    """
    if type(after_step) is not int or not 0 <= after_step <= branch.num_steps:
        raise UserError(
            f"after_step={shown(after_step)} is impossible; this decoding has the steps 1 to "
            f"{branch.num_steps}, and 0 is its start."
        )
    trace, is_given = branch.trace, branch.trace.is_given.flatten(1)  # (1, seq)
    if after_step == 0:
        token_ids = canvas_before(trace, 1, branch.mask_token_id).flatten(1)
        nothing = torch.zeros(token_ids.shape)
        canvas = Canvas(token_ids, ~is_given, is_given, nothing, nothing, branch.grid)
    else:
        at = after_step - 1
        margin = torch.zeros_like(trace.confidence[at])
        if trace.corrector_margin is not None:
            margin = trace.corrector_margin[at]
        fields = (trace.token_ids[at], trace.is_masked[at], trace.confidence[at], margin)
        token_ids, is_masked, confidence, margin = (each.flatten(1) for each in fields)
        is_given = _given_after(branch, after_step)
        canvas = Canvas(token_ids, is_masked, is_given, confidence, margin, branch.grid)
    for step, edits in branch.history:
        if step == after_step:
            canvas = edited(canvas, edits, branch.mask_token_id)
    return canvas


def joined(canvases: Sequence[Canvas], device: torch.device) -> Canvas:
    """Several canvases as one batch; all have the first one's grid."""
    fields = zip(*(each[:-1] for each in canvases), strict=True)
    return Canvas(*(torch.cat(field).to(device) for field in fields), canvases[0].grid)


def last_asked(branch: Branch) -> Int[Tensor, "states seq"]:
    """The last step so far that drew each position; 0 = none did.

    Steps draw where the canvas that they begin with is hidden, whatever an edit made of it.
    """
    asked = [torch.zeros(branch.trace.is_given[0].numel(), dtype=torch.int64)]
    for step in range(1, branch.num_steps + 1):
        is_drawn = canvas_after(branch, step - 1).is_masked[0]
        asked.append(torch.where(is_drawn, step, asked[-1]))
    return torch.stack(asked)


def _check_mask_token_id(trace: Trace, mask_token_id: Any) -> None:
    """That it is the trace's own, as far as it tells: of one step, all ids above its codes fit."""
    own = trace.token_ids[trace.is_masked][:1].tolist()
    least = int(trace.drawn_ids.max()) + 1
    fits = type(mask_token_id) is int and mask_token_id >= least
    if not fits or (own and own != [mask_token_id]):
        right = own[0] if own else f"one from {least}"
        raise UserError(
            f"mask_token_id={shown(mask_token_id)} is not this trace's; give {right}, the "
            "transformer's mask_token_id."
        )


def _given_after(branch: Branch, after_step: int) -> Tensor:
    """Which positions (1, seq) no sampler may touch: given and pinned ones, less the freed ones."""
    is_given = branch.trace.is_given.clone()
    for _, edits in branch.until(after_step):
        for row, column in edits.pinned:
            is_given[0, row, column] = True
        for row, column in edits.hidden:
            is_given[0, row, column] = False
    return is_given.flatten(1)
