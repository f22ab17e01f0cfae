"""The codebook: replace every latent vector by the nearest of a fixed number of codes.

Dimensions: batch, dim (of one code), rows and columns of the token grid, codes.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn


class Quantized(NamedTuple):
    """The outcome of quantizing latents, with the two distances a training objective needs."""

    codes: Float[Tensor, "batch dim rows columns"]  # nearest codes; gradients pass to the latents
    token_ids: Int[Tensor, "batch rows columns"]
    codebook_loss: Float[Tensor, ""]  # mean squared distance; pulls codes to the latents
    commitment_loss: Float[Tensor, ""]  # the same number; pulls latents to their codes


class Quantizer(nn.Module):
    """Nearest code by Euclidean distance, neither side normalised (van den Oord et al., 2017).

    A training by gradients alone adds `codebook_loss + 0.25 * commitment_loss` (equation 3; the
    weight is aMUSEd's). Ours moves the codes by running means instead and adds the second only.
    """

    def __init__(self, num_codes: int, dim: int):
        super().__init__()
        self.codebook = nn.Parameter(torch.empty(num_codes, dim))
        self.reset_parameters()

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw the codes uniformly from a small box around zero, as published."""
        bound = 1 / self.codebook.shape[0]
        nn.init.uniform_(self.codebook, -bound, bound, generator=generator)

    def forward(self, latents: Float[Tensor, "batch dim rows columns"]) -> Quantized:
        """Quantize; in the backward pass the codes' gradient goes to the latents unchanged."""
        token_ids = self.nearest(latents)
        codes = self.look_up(token_ids)
        return Quantized(
            codes=latents + (codes - latents).detach(),
            token_ids=token_ids,
            codebook_loss=(codes - latents.detach()).square().mean(),
            commitment_loss=(codes.detach() - latents).square().mean(),
        )

    @torch.no_grad()
    def nearest(
        self, latents: Float[Tensor, "batch dim rows columns"]
    ) -> Int[Tensor, "batch rows columns"]:
        """The id of each latent's nearest code; the lower id where two are equally near."""
        vectors = latents.movedim(1, -1)  # (batch, rows, columns, dim)
        # float32: in half precision many codes would seem equally near
        distances = torch.cdist(vectors.flatten(0, 2).float(), self.codebook.float())
        return distances.argmin(dim=1).view(vectors.shape[:-1])

    def look_up(
        self, token_ids: Int[Tensor, "batch rows columns"]
    ) -> Float[Tensor, "batch dim rows columns"]:
        """The codes of the given ids, each from 0 to codes - 1."""
        return nn.functional.embedding(token_ids, self.codebook).movedim(-1, 1)
