"""What a user changes in the middle of a decoding, and the canvas it then goes on from.

Dimensions: seq (tokens of one image, row by row). A position is (row, column) on the token grid.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.conditioning.micro import micro_cond_rows
from src.errors import UserError, shown
from src.interpret.checked import Position, check_position, check_text
from src.limits import check_seed
from src.sampler.choices import Canvas
from src.sampler.guidance import Logits
from src.sampler.model_pass import Predict

FORBIDDEN = -3e4  # a logit: probability 0 at any temperature, finite in float16, kept by guidance


@dataclass(frozen=True)
class Edits:
    """Changes made between two steps; all of them hold until the end, unless changed again.

    pinned: the code a position has from here on; no sampler hides or redraws it.
    forbidden: the codes that a position never draws from here on.
    hidden: positions to hide, to be drawn again; one that was pinned or given is free again.
    prompt, negative_prompt, micro_cond: what the model is told from here on; None = as before. As
        in `generate`, guidance keeps comparing with the same micro-conditions if it did before.
    seed: whose random numbers the steps from here on draw; None = as before.
    """

    pinned: Any = field(default_factory=dict)  # Mapping[Position, int]; `check_edits` asks for it
    forbidden: Any = field(default_factory=dict)  # Mapping[Position, Collection[int]]
    hidden: Any = ()  # Collection[Position]
    prompt: Any = None  # str
    negative_prompt: Any = None  # str
    micro_cond: Any = None  # MicroCond
    seed: Any = None  # int


def check_edits(edits: Any, grid: tuple[int, int], codebook_size: int) -> None:
    """Refuse edits outside the grid or the codebook, or that contradict; raises UserError."""
    _check_kinds(edits)
    for name in ("pinned", "forbidden", "hidden"):
        for position in getattr(edits, name):
            check_position(name, position, grid)
    _check_told(edits)
    told = [("pinned", place, code) for place, code in edits.pinned.items()]
    told += [("forbidden", place, code) for place, all in edits.forbidden.items() for code in all]
    for name, position, code in told:
        if type(code) is not int or not 0 <= code < codebook_size:
            raise UserError(
                f"{name} has the code {shown(code)} at {position}; a code lies in "
                f"0..{codebook_size - 1}."
            )
    for position in edits.pinned:
        if position in edits.hidden:
            raise UserError(f"position {position} is both pinned and hidden; choose one of them.")
        if edits.pinned[position] in edits.forbidden.get(position, ()):
            raise UserError(
                f"position {position} is pinned to the code {edits.pinned[position]}, which is "
                "forbidden there."
            )
    for position, codes in edits.forbidden.items():
        if len(set(codes)) == codebook_size:
            raise UserError(f"all {codebook_size} codes are forbidden at {position}; leave one.")


def check_list_of_edits(edits: Any) -> None:
    """Refuse what is no list of edits; `check_edits` looks at each. Raises UserError."""
    if not isinstance(edits, Sequence) or isinstance(edits, str):
        raise UserError(
            f"edits is {shown(edits)}; give a list of them, as [Edits(prompt='a moon')]."
        )


def edited(canvas: Canvas, edits: Edits, mask_token_id: int) -> Canvas:
    """The canvas of one picture after the edits."""
    width = canvas.grid[1]
    token_ids, is_masked, is_given, confidence, margin = (each.clone() for each in canvas[:5])
    for position, code in edits.pinned.items():
        at = (0, _index(position, width))
        token_ids[at], is_masked[at], is_given[at] = code, False, True
        confidence[at] = margin[at] = 0.0  # nobody's probability, as of a given token
    for position in edits.hidden:
        at = (0, _index(position, width))
        token_ids[at], is_masked[at], is_given[at] = mask_token_id, True, False
    return Canvas(token_ids, is_masked, is_given, confidence, margin, canvas.grid)


def without_forbidden(predict: Predict, forbidden: list[Mapping[Position, Any]]) -> Predict:
    """The same model, to which the forbidden codes of each picture of its batch are impossible."""
    places = [
        (row, position, code)
        for row, of_picture in enumerate(forbidden)
        for position, codes in of_picture.items()
        for code in codes
    ]
    if not places:
        return predict

    def limited(
        token_ids: Int[Tensor, "batch height width"],
        is_masked: Bool[Tensor, "batch height width"],
        need_unconditional: bool,
    ) -> Logits:
        width = token_ids.shape[2]
        rows = [row for row, _, _ in places]
        at = [_index(position, width) for _, position, _ in places]
        codes = [code for _, _, code in places]
        logits = predict(token_ids, is_masked, need_unconditional)
        return Logits(*(_ruled_out(branch, rows, at, codes) for branch in logits))

    return limited


def _ruled_out(
    logits: Float[Tensor, "batch seq codes"] | None,
    rows: list[int],
    at: list[int],
    codes: list[int],
) -> Float[Tensor, "batch seq codes"] | None:
    if logits is None:
        return None
    logits = logits.clone()
    logits[torch.tensor(rows), torch.tensor(at), torch.tensor(codes)] = FORBIDDEN
    return logits


def _check_kinds(edits: Any) -> None:
    """That they are edits, and each of their fields can be gone through."""
    if not isinstance(edits, Edits):
        raise UserError(
            f"edits has {shown(edits)}; give Edits(...), such as Edits(prompt='a moon')."
        )
    kinds = {
        "pinned": (Mapping, "a code for each position, as {(0, 1): 3}"),
        "forbidden": (Mapping, "codes for each position, as {(0, 1): [3, 4]}"),
        "hidden": (Collection, "positions, as [(0, 1)]"),
    }
    for name, (kind, right) in kinds.items():
        if not isinstance(getattr(edits, name), kind):
            raise UserError(f"{name} is {shown(getattr(edits, name))}; give {right}.")
    for position, codes in edits.forbidden.items():
        if not isinstance(codes, Collection):
            raise UserError(
                f"forbidden has {shown(codes)} at {shown(position)}; give a list of codes, as "
                "[3, 4]."
            )


def _check_told(edits: Edits) -> None:
    """That what the model is to be told is what `generate` takes."""
    for name in ("prompt", "negative_prompt"):
        if getattr(edits, name) is not None:
            check_text(name, getattr(edits, name))
    if edits.micro_cond is not None:
        micro_cond_rows([edits.micro_cond], 1)
    if edits.seed is not None:
        check_seed("seed", edits.seed)


def _index(position: Position, width: int) -> int:
    return position[0] * width + position[1]
