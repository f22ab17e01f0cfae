"""One call of the model inside a decoding: predict, check what came back, guide.

Dimensions: batch, height, width (in tokens), seq (= height * width, row by row), few (positions
that are asked about), codes.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from src.errors import UserError
from src.sampler.guidance import Logits, guide, needs_unconditional


@runtime_checkable
class Predict(Protocol):
    """The model as a sampler sees it."""

    def __call__(
        self,
        token_ids: Int[Tensor, "batch height width"],
        is_masked: Bool[Tensor, "batch height width"],
        need_unconditional: bool,
    ) -> Logits: ...


@runtime_checkable
class PredictAt(Protocol):
    """What a `Predict` may offer besides: logits of some positions alone, at less cost."""

    def at(
        self,
        token_ids: Int[Tensor, "batch height width"],
        positions: Int[Tensor, "batch few"],
        is_all_hidden: bool,
        need_unconditional: bool,
    ) -> Logits:
        """Logits as `batch few codes`. Positions are counted row by row."""


class Question(NamedTuple):
    """What the model is asked in one call."""

    token_ids: Int[Tensor, "batch seq"]
    is_masked: Bool[Tensor, "batch seq"]
    grid: tuple[int, int]  # height, width
    positions: Int[Tensor, "batch few"]  # where logits are wanted
    is_all_hidden: bool  # nothing is known anywhere


class Guided(NamedTuple):
    """What one call ends in."""

    logits: Float[Tensor, "batch few codes"]  # what codes are drawn from
    conditional: Float[Tensor, "batch few codes"]  # with the prompt alone; the same at scale 1
    positions: Int[Tensor, "batch few"]  # where, counted row by row; of each picture hidden ones
    # first, in rising order

    def hidden_of(
        self, picture: int, num_hidden: int
    ) -> tuple[Float[Tensor, "hidden codes"], Int[Tensor, "hidden"]]:
        """One picture's guided logits at what is hidden of it, and where that is."""
        return self.logits[picture, :num_hidden], self.positions[picture, :num_hidden]


def hidden_first(is_masked: Bool[Tensor, "batch seq"], few: int) -> Int[Tensor, "batch few"]:
    """As many positions of each picture: the hidden ones in rising order, then known ones."""
    return (~is_masked).byte().argsort(dim=1, stable=True)[:, :few]


class _Check(NamedTuple):
    """The largest logits of a call, to be looked at when that makes nobody wait."""

    highest: Float[Tensor, "batch few"]
    question: Question
    step: int
    guidance_scale: Any


@dataclass(frozen=True)
class GuidedModel:
    """The model, guided and checked: what a sampler calls once a step."""

    predict: Predict
    mask_token_id: int
    codebook_size: int | None  # None = not known: any number of codes below the mask id
    dtype: torch.dtype | None  # the precision of the guidance; None = the logits' own
    _unchecked: list[_Check] = field(default_factory=list)

    @torch.no_grad()
    def __call__(
        self, asked: Question, step: int, guidance_scale: float | Float[Tensor, "batch"]
    ) -> Guided:
        """The logits to draw the codes of this step from, and those before guidance.

        Raises UserError if they are not one row of codes a position; and, on a processor at once
        and on a GPU in `check`, which waits for it, if nothing can be drawn.
        """
        need_unconditional = needs_unconditional(guidance_scale)
        logits = self._logits(asked, need_unconditional)
        guided = guide(logits, guidance_scale, self.dtype)
        highest = guided.amax(dim=-1)  # (batch, few); NaN wins over everything
        self._unchecked.append(_Check(highest, asked, step, guidance_scale))
        if guided.device.type == "cpu":
            self.check()
        return Guided(guided, logits.conditional, asked.positions)

    def check(self) -> None:
        """Every position needs a finite largest logit: no NaN, no infinity, not all ruled out.

        Raises UserError for the first call since the last check that had none.
        """
        while self._unchecked:
            _check_rows(self._unchecked.pop(0))

    def _logits(self, asked: Question, need_unconditional: bool) -> Logits:
        grid = (len(asked.token_ids), *asked.grid)  # (batch, height, width)
        token_ids = asked.token_ids.view(grid)
        if isinstance(self.predict, PredictAt):
            logits = self.predict.at(
                token_ids, asked.positions, asked.is_all_hidden, need_unconditional
            )
            self._check_shapes(logits, asked.positions.shape[1], grid)
            return logits
        logits = self.predict(token_ids, asked.is_masked.view(grid), need_unconditional)
        self._check_shapes(logits, asked.token_ids.shape[1], grid)
        places = asked.positions[:, :, None]
        return Logits(
            *(side if side is None else side.take_along_dim(places, 1) for side in logits)
        )

    def _check_shapes(self, logits: Logits, few: int, grid: tuple[int, ...]) -> None:
        for branch, tensor in logits._asdict().items():
            if tensor is not None:
                self._check_shape(branch, tuple(tensor.shape), few, grid)

    def _check_shape(
        self, branch: str, shape: tuple[int, ...], few: int, grid: tuple[int, ...]
    ) -> None:
        if len(shape) != 3 or shape[:2] != (grid[0], few):
            raise UserError(
                f"predict returned {branch} logits of shape {shape} for token_ids of shape {grid}; "
                f"they must be ({grid[0]}, {few}, codes)."
            )
        if shape[2] > self.mask_token_id or shape[2] != (self.codebook_size or shape[2]):
            codes = self.codebook_size or f"at most {self.mask_token_id}"
            raise UserError(
                f"predict returned {branch} logits over {shape[2]} ids, but the codebook has "
                f"{codes} codes; leave out the mask id and the padding around it."
            )


def _check_rows(asked: _Check) -> None:
    is_bad = ~asked.highest.isfinite()
    if not is_bad.any():
        return
    picture, index = (int(found) for found in is_bad.nonzero()[0])
    row, column = divmod(int(asked.question.positions[picture, index]), asked.question.grid[1])
    if asked.highest[picture, index] == -torch.inf:
        what = "rule out every code (all are -inf)"
    else:
        what = "are not finite (NaN or infinity)"
    dtype = str(asked.highest.dtype).removeprefix("torch.")
    raise UserError(
        f"in step {asked.step} the logits of picture {picture} at row {row}, column {column} "
        f"{what} in {dtype}; check the model's weights, use float32 or bfloat16 instead of "
        f"float16, or lower guidance_scale={asked.guidance_scale}."
    )
