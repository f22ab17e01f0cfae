"""Codes that nobody chooses any more, brought back to where latents are.

A code far from all latents gets no gradient and stays where it is for ever. As in Dhariwal et al.
2020 (Jukebox, section 3.1) it is put onto an encoder output of the current batch; here once no
latent has chosen it for a number of steps, which unlike a running mean is an exact count.
Dimensions: codes, dim, and batch, rows, columns of the latents.
"""

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn


class CodeUse(nn.Module):
    """For how many steps each code has been idle; part of checkpoints."""

    def __init__(self, num_codes: int):
        super().__init__()
        self.register_buffer("idle_steps", torch.zeros(num_codes, dtype=torch.long))

    @torch.no_grad()
    def count(self, counts: Int[Tensor, " codes"]) -> None:
        """Take note of one step: how often each code was chosen in it."""
        self.idle_steps.add_(1).masked_fill_(counts > 0, 0)

    @torch.no_grad()
    def revive(
        self,
        codebooks: list[Tensor],
        latents: Float[Tensor, "batch dim rows columns"],
        revive_after: int,
        rng: Generator,
    ) -> int:
        """Put codes idle for `revive_after` steps onto latents of this batch; returns how many.

        codebooks: `codes dim` each, changed in place: the trained one and its average, which would
        otherwise take hundreds of steps to follow the jump. No two codes share a latent, so where
        more codes are dead than there are latents, the rest waits for the next batch.
        """
        vectors = latents.movedim(1, -1).flatten(0, -2).float()
        is_dead = self.idle_steps >= revive_after
        dead = is_dead.nonzero().flatten().tolist()
        if not dead:
            return 0
        dead = torch.tensor(dead)[torch.randperm(len(dead), generator=rng)][: len(vectors)]
        places = torch.randperm(len(vectors), generator=rng)[: len(dead)]
        dead, places = dead.to(vectors.device), places.to(vectors.device)
        for codebook in codebooks:
            codebook[dead] = vectors[places]
        self.idle_steps[dead] = 0
        return len(dead)
