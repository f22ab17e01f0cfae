"""Train a VQGAN to give pictures back from tokens: reconstruction and a codebook that is all used.

The losses are those of van den Oord et al. 2017 (VQ-VAE), equation 3, with an absolute-error term
that keeps edges sharp. Dimensions: batch, height, width, codes, dim.
"""

import lightning
import numpy as np
import torch
from torch import Generator, Tensor, nn

from src.data.examples import example
from src.data.scenes import World
from src.training.averaging import moving_average
from src.training.config import TrainingConfig
from src.training.learning_rate import adamw


class VqganBatches:
    """Pictures of step k as uint8 `batch height width 3`."""

    def __init__(self, world: World, config: TrainingConfig, seed: int):
        self.world, self.config, self.seed = world, config, seed

    def __call__(self, step: int) -> Tensor:
        first = step * self.config.batch_size
        examples = (
            example(self.world, self.seed, first + i) for i in range(self.config.batch_size)
        )
        return torch.from_numpy(np.stack([each.picture for each in examples]))


def to_unit_pixels(pictures: Tensor) -> Tensor:
    """uint8 `batch height width 3` to the float `batch 3 height width` in [0, 1] a VQGAN reads."""
    return pictures.permute(0, 3, 1, 2).float() / 255


class VqganModule(lightning.LightningModule):
    """A VQGAN, its losses, and a codebook that follows the latents as running cluster means.

    The means (van den Oord et al. 2017, appendix A.1) keep up with a fast-moving encoder where
    gradient steps on the codes do not; a code that hardly any latent chooses is moved onto one.
    """

    def __init__(self, vqgan: nn.Module, config: TrainingConfig, seed: int):
        super().__init__()
        self.vqgan = vqgan.to(memory_format=torch.channels_last)  # convolutions 3 x faster on CPU
        self.config, self.seed = config, seed
        self.average = moving_average(vqgan, config.ema_decay)
        codebook = vqgan.quantizer.codebook.requires_grad_(False)
        self.register_buffer("cluster_sizes", torch.zeros(len(codebook)))
        self.register_buffer("cluster_sums", torch.zeros_like(codebook))

    def training_step(self, batch: Tensor, _: int) -> Tensor:
        pixels = to_unit_pixels(batch).contiguous(memory_format=torch.channels_last)
        latents = self.vqgan.encode_latents(pixels)  # (batch, dim, rows, columns)
        if not self.cluster_sizes.any():
            self._move(torch.ones_like(self.cluster_sizes, dtype=torch.bool), latents)
        quantized = self.vqgan.quantize(latents)
        is_continuous = self.global_step < self.config.continuous_steps
        error = self.vqgan.decode_codes(latents if is_continuous else quantized.codes) - pixels
        reconstruction = 0.25 * error.abs().mean() + 4 * error.square().mean()
        commitment = quantized.commitment_loss
        loss = reconstruction + self.config.commitment_weight * commitment
        psnr = -10 * error.detach().square().mean().log10()
        used = self._follow(latents.detach(), quantized.token_ids)
        self.log_dict(
            {"loss": loss, "commitment": commitment, "psnr": psnr, "codes_used": used},
            prog_bar=True,
        )
        return loss

    @torch.no_grad()
    def _follow(self, latents: Tensor, token_ids: Tensor) -> Tensor:
        """Move every code to the running mean of the latents it stands for."""
        vectors, ids = latents.movedim(1, -1).flatten(0, -2), token_ids.flatten()
        keep = self.config.codebook_decay
        sizes = torch.bincount(ids, minlength=len(self.cluster_sizes)).to(vectors.dtype)
        sums = torch.zeros_like(self.cluster_sums).index_add_(0, ids, vectors)
        self.cluster_sizes.mul_(keep).add_(sizes, alpha=1 - keep)
        self.cluster_sums.mul_(keep).add_(sums, alpha=1 - keep)
        codebook = self.vqgan.quantizer.codebook
        codebook.copy_(self.cluster_sums / self.cluster_sizes.clamp(min=1e-6)[:, None])
        is_dead = self.cluster_sizes < self.config.dead_below * len(ids) / len(codebook)
        if self.global_step % self.config.revive_every == self.config.revive_every - 1:
            self._move(is_dead, latents)
        return 1 - is_dead.float().mean()

    @torch.no_grad()
    def _move(self, which: Tensor, latents: Tensor) -> None:
        """Put these codes onto latents drawn from the batch, as clusters of one member each."""
        vectors = latents.movedim(1, -1).flatten(0, -2)
        rng = Generator().manual_seed(self.seed * 1_000_003 + self.global_step)
        chosen = torch.randint(len(vectors), (int(which.sum()),), generator=rng)
        moved = vectors[chosen.to(vectors.device)]
        moved = moved + 0.01 * torch.randn(moved.shape, generator=rng).to(moved.device)
        self.vqgan.quantizer.codebook[which] = moved
        self.cluster_sizes[which] = 1.0
        self.cluster_sums[which] = moved

    def on_train_batch_end(self, *_) -> None:
        self.average.update_parameters(self.vqgan)

    def configure_optimizers(self):
        optimizer, schedule = adamw(self.vqgan, self.config)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }
