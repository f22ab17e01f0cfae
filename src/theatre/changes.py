"""What a user asks to change in a picture: one wish after another, each to be undone by itself.

Dimensions: a position is (row, column) on the token grid.
"""

from collections.abc import Sequence
from typing import NamedTuple

from src.interpret.branch import Branch, canvas_after, told_by
from src.interpret.edits import Edits, Position, check_edits


class Change(NamedTuple):
    """One wish; which fields it has depends on its kind."""

    kind: str  # "pin" and "forbid" have position and code, "hide" a position, "say" a prompt
    position: Position | None = None
    code: int | None = None
    prompt: str | None = None


def checked(changes: Sequence[Change], grid: tuple[int, int], codebook_size: int) -> Edits:
    """The wishes put together; of two about one thing the later counts. UserError for a misfit."""
    pinned, forbidden, hidden, prompt = {}, {}, {}, None
    for kind, position, code, words in changes:
        if kind == "pin":
            pinned[position] = code
            hidden.pop(position, None)
        elif kind == "hide":
            hidden[position] = True
            pinned.pop(position, None)
        elif kind == "forbid":
            forbidden.setdefault(position, set()).add(code)
        else:
            prompt = words
    edits = Edits(pinned=pinned, forbidden=forbidden, hidden=tuple(hidden), prompt=prompt)
    check_edits(edits, grid, codebook_size)
    return edits


def edits_after(
    changes: Sequence[Change], branch: Branch, after_step: int, codebook_size: int
) -> Edits:
    """The edits that these wishes are where a decoding goes on from the end of `after_step`.

    What was forbidden before stays so, where `Edits` alone would have the last word; and a settled
    token whose code is now forbidden is hidden, to be drawn again. Raises UserError for a misfit.
    """
    said = checked(changes, branch.grid, codebook_size)
    before = told_by(branch.recipe, branch.until(after_step)).forbidden
    forbidden = {place: codes | before.get(place, set()) for place, codes in said.forbidden.items()}
    canvas, width = canvas_after(branch, after_step), branch.grid[1]
    hidden = list(said.hidden)
    for (row, column), codes in forbidden.items():
        is_free = (row, column) not in said.pinned and (row, column) not in hidden
        if is_free and int(canvas.token_ids[0, row * width + column]) in codes:
            hidden.append((row, column))
    edits = Edits(said.pinned, forbidden, tuple(hidden), said.prompt)
    check_edits(edits, branch.grid, codebook_size)
    return edits


def in_words(edits: Edits) -> str:
    """The edits in a few words, to name a branch by."""
    counts = (
        ("pinned", len(edits.pinned)),
        ("forbidden", sum(len(codes) for codes in edits.forbidden.values())),
        ("hidden again", len(edits.hidden)),
    )
    parts = [f"{number} {word}" for word, number in counts if number]
    parts += [f'prompt: "{edits.prompt}"'] if edits.prompt is not None else []
    if edits.negative_prompt is not None:
        parts.append(f'negative prompt: "{edits.negative_prompt}"')
    if edits.micro_cond is not None:
        numbers = ", ".join(f"{number:g}" for number in edits.micro_cond)
        parts.append(f"micro-conditions: {numbers}")
    parts += [f"seed: {edits.seed}"] if edits.seed is not None else []
    return ", ".join(parts) or "nothing changed"
