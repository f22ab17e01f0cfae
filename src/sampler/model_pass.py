"""One call of the model inside a decoding: predict, check what came back, guide.

Dimensions: batch, height, width (in tokens), seq (= height * width, row by row), codes.
"""

from dataclasses import dataclass
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


class Guided(NamedTuple):
    """What one call ends in."""

    logits: Float[Tensor, "batch seq codes"]  # what codes are drawn from
    conditional: Float[Tensor, "batch seq codes"]  # with the prompt alone; the same at scale 1


@dataclass(frozen=True)
class GuidedModel:
    """The model, guided and checked: what a sampler calls once a step."""

    predict: Predict
    mask_token_id: int
    codebook_size: int | None  # None = not known: any number of codes below the mask id
    dtype: torch.dtype | None  # the precision of the guidance; None = the logits' own

    @torch.no_grad()
    def __call__(
        self,
        token_ids: Int[Tensor, "batch seq"],
        is_masked: Bool[Tensor, "batch seq"],
        grid: tuple[int, int],
        step: int,
        guidance_scale: float | Float[Tensor, "batch"],
    ) -> Guided:
        """The logits to draw the codes of this step from, and those before guidance.

        Raises UserError if they are not one row of codes a position, or if nothing can be drawn.
        """
        shape = (len(token_ids), *grid)  # (batch, height, width)
        need_unconditional = needs_unconditional(guidance_scale)
        logits = self.predict(token_ids.view(shape), is_masked.view(shape), need_unconditional)
        for branch, tensor in logits._asdict().items():
            if tensor is not None:
                self._check_shape(branch, tuple(tensor.shape), shape)
        guided = guide(logits, guidance_scale, self.dtype)
        self._check_rows(guided, step, grid[1], guidance_scale)
        return Guided(guided, logits.conditional)

    def _check_shape(self, branch: str, shape: tuple[int, ...], grid: tuple[int, ...]) -> None:
        batch, height, width = grid
        if len(shape) != 3 or shape[:2] != (batch, height * width):
            raise UserError(
                f"predict returned {branch} logits of shape {shape} for token_ids of shape {grid}; "
                f"they must be ({batch}, {height * width}, codes)."
            )
        if shape[2] > self.mask_token_id or shape[2] != (self.codebook_size or shape[2]):
            codes = self.codebook_size or f"at most {self.mask_token_id}"
            raise UserError(
                f"predict returned {branch} logits over {shape[2]} ids, but the codebook has "
                f"{codes} codes; leave out the mask id and the padding around it."
            )

    def _check_rows(self, guided: Tensor, step: int, width: int, scale: Any) -> None:
        """Every position needs a finite largest logit: no NaN, no infinity, not all ruled out."""
        highest = guided.amax(dim=-1)  # (batch, seq); NaN wins over everything
        is_bad = ~highest.isfinite()
        if not is_bad.any():
            return
        picture, position = (int(index) for index in is_bad.nonzero()[0])
        row, column = divmod(position, width)
        if highest[picture, position] == -torch.inf:
            what = "rule out every code (all are -inf)"
        else:
            what = "are not finite (NaN or infinity)"
        dtype = str(guided.dtype).removeprefix("torch.")
        raise UserError(
            f"in step {step} the logits of picture {picture} at row {row}, column {column} {what} "
            f"in {dtype}; check the model's weights, use float32 or bfloat16 instead of float16, "
            f"or lower guidance_scale={scale}."
        )
