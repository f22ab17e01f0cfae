"""Train a VQGAN to give pictures back from tokens: reconstruction and a codebook that is all used.

Of van den Oord et al. 2017 (VQ-VAE): the loss of equation 3, its reconstruction with an
absolute-error term that keeps edges sharp, and instead of its second term the running means of
appendix A.1, which move the codes. Dimensions: batch, height, width, codes, dim.
"""

import lightning
import numpy as np
import torch
from torch import Generator, Tensor, nn

from src.data.examples import example
from src.data.scenes import World
from src.training.averaging import moving_average
from src.training.batches import step_generator
from src.training.config import TrainingConfig
from src.training.learning_rate import optimizer


class VqganBatches:
    """Part of the pictures of step k as uint8 `batch height width 3`."""

    def __init__(self, world: World, config: TrainingConfig, seed: int):
        self.world, self.config, self.seed = world, config, seed

    def __call__(self, step: int, part: slice) -> Tensor:
        size = self.config.batch_size
        numbers = range(step * size, (step + 1) * size)[part]
        examples = (example(self.world, self.seed, number) for number in numbers)
        return torch.from_numpy(np.stack([each.picture for each in examples]))


def to_unit_pixels(pictures: Tensor) -> Tensor:
    """uint8 `batch height width 3` to the float `batch 3 height width` in [0, 1] a VQGAN reads."""
    return pictures.permute(0, 3, 1, 2).float() / 255


class VqganModule(lightning.LightningModule):
    """A VQGAN, its losses, and a codebook that follows the latents as running cluster means.

    What a token has to say decides what a transformer can learn, so two things are asked for
    besides pictures that come back. A token should speak of its own place only (`_locality`): group
    norms look at the whole picture, and a background would otherwise have hundreds of names. And
    codes should stand where the error is, not where the backgrounds crowd (`_spread`).
    """

    def __init__(self, vqgan: nn.Module, config: TrainingConfig, seed: int):
        super().__init__()
        self.vqgan = vqgan.to(memory_format=torch.channels_last)  # convolutions 3 x faster on CPU
        self.config, self.seed = config, seed
        self.average = moving_average(vqgan, config)
        codebook = vqgan.quantizer.codebook.requires_grad_(False)
        self.register_buffer("cluster_sizes", torch.zeros(len(codebook)))
        self.register_buffer("cluster_sums", torch.zeros_like(codebook))
        self.register_buffer("errors", torch.zeros(len(codebook)))  # fourth power of distance, mean
        self.register_buffer("utilities", torch.zeros(len(codebook)))  # error more without the code

    def training_step(self, batch: Tensor, _: int) -> Tensor:
        rng = step_generator(self.seed, self.global_step)
        pixels = to_unit_pixels(batch).contiguous(memory_format=torch.channels_last)
        latents = self.vqgan.encode_latents(pixels)  # (batch, dim, rows, columns)
        locality = self._locality(pixels, latents, rng)
        if self.global_step < self.config.continuous_steps:  # latents spread out before codes come
            codes, commitment = latents, torch.zeros(())
        else:
            if not self.cluster_sizes.any():
                self._spread(torch.ones_like(self.cluster_sizes, dtype=torch.bool), latents, rng)
            quantized = self.vqgan.quantize(latents)
            codes, commitment = quantized.codes, quantized.commitment_loss
            self._follow(latents.detach(), quantized.token_ids, rng)
        error = self.vqgan.decode_codes(codes) - pixels
        reconstruction = 0.25 * error.abs().mean() + 4 * error.square().mean()
        loss = (
            reconstruction
            + self.config.commitment_weight * commitment
            + self.config.locality_weight * locality
        )
        psnr = -10 * error.detach().square().mean().log10()
        values = {"loss": loss, "commitment": commitment, "locality": locality, "psnr": psnr}
        self.log_dict(values, prog_bar=True)
        return loss

    def _locality(self, pixels: Tensor, latents: Tensor, rng: Generator) -> Tensor:
        """How much latents change where only the other part of the picture does, as a share.

        Every picture is cut in two along the token grid and joined to its neighbour in the batch;
        cells at the seam are left out, because there a token may look across.
        """
        rows, columns = latents.shape[-2:]
        side, cell = (rows, columns), self.vqgan.downscale
        axis = int(torch.randint(2, (), generator=rng))
        seam = int(torch.randint(2, side[axis] - 1, (), generator=rng))
        shape = [1, 1, 1, 1]
        shape[axis - 2] = -1
        is_first = (torch.arange(side[axis]) < seam).view(shape).to(pixels.device)
        is_pixel_first = is_first.repeat_interleave(cell, dim=axis - 2)
        joined = torch.where(is_pixel_first, pixels, pixels.roll(1, 0))
        expected = torch.where(is_first, latents, latents.roll(1, 0))
        change = (self.vqgan.encode_latents(joined) - expected).square()
        keep = [index for index in range(side[axis]) if index not in (seam - 1, seam)]
        kept = change.index_select(axis - 2, torch.tensor(keep, device=change.device))
        return kept.mean() / latents.detach().var()

    @torch.no_grad()
    def _follow(self, latents: Tensor, token_ids: Tensor, rng: Generator) -> None:
        """Move every code to the running mean of the latents it stands for, useless ones elsewhere.

        The means are those of van den Oord et al. 2017, appendix A.1; gradient steps do not keep
        up with the encoder. Useless is a code whose latents have another one nearly as near
        (Fritzke 1997, LBG-U): a crowd of codes on one background, or a code that nobody chooses.
        """
        latents = latents.float()  # half precision would lose the running means
        vectors, ids = latents.movedim(1, -1).flatten(0, -2), token_ids.flatten()
        keep = self.config.codebook_decay
        sizes = torch.bincount(ids, minlength=len(self.cluster_sizes)).to(vectors.dtype)
        sums = torch.zeros_like(self.cluster_sums).index_add_(0, ids, vectors)
        self.cluster_sizes.mul_(keep).add_(sizes, alpha=1 - keep)
        self.cluster_sums.mul_(keep).add_(sums, alpha=1 - keep)
        codebook = self.vqgan.quantizer.codebook
        codebook.copy_(self.cluster_sums / self.cluster_sizes.clamp(min=1e-6)[:, None])
        self.log("codes_used", (self.cluster_sizes > 0.02).float().mean(), prog_bar=True)

        first, second = torch.cdist(vectors, codebook).pow(4).topk(2, largest=False).values.T
        for running, value in ((self.errors, first), (self.utilities, second - first)):
            running.mul_(keep).index_add_(0, ids, value, alpha=1 - keep)
        is_time = self.global_step % self.config.move_every == self.config.move_every - 1
        if is_time and self.global_step < self.config.max_steps * (1 - self.config.decay_ratio):
            is_useless = self.utilities < self.config.useless_below * self.errors.mean()
            lowest = self.utilities.argsort()[: self.config.num_moved]
            chosen = torch.zeros_like(is_useless).index_fill_(0, lowest, True)
            self._spread(is_useless & chosen, latents, rng)

    @torch.no_grad()
    def _spread(self, which: Tensor, latents: Tensor, rng: Generator) -> None:
        """Put these codes onto latents of the batch, each where the others serve worst.

        Drawn one by one by their distance to the nearest code, as in k-means++ (Arthur and
        Vassilvitskii 2007), but by its fourth power: by the square, the crowd of background latents
        that lie a little apart would get most of the codes.
        """
        vectors = latents.movedim(1, -1).flatten(0, -2)
        codebook, others = self.vqgan.quantizer.codebook, self.vqgan.quantizer.codebook[~which]
        if len(others):
            distances = torch.cdist(vectors, others).pow(4).amin(dim=1)
        else:
            distances = vectors.square().sum(dim=1).square()
        for code in which.nonzero().flatten().tolist():
            at = torch.multinomial(distances.cpu() + 1e-12, 1, generator=rng).item()
            codebook[code] = vectors[at]
            self.cluster_sizes[code] = 1.0
            self.cluster_sums[code] = vectors[at]
            self.utilities[code] = self.utilities.max()  # time to prove itself
            distances = torch.minimum(
                distances, (vectors - vectors[at]).square().sum(dim=1).square()
            )

    def optimizer_step(self, *args, **kwargs) -> None:
        super().optimizer_step(*args, **kwargs)
        self.average.update_parameters(self.vqgan)

    def configure_optimizers(self):
        stepper, schedule = optimizer(self.vqgan, self.config)
        return {
            "optimizer": stepper,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


@torch.no_grad()
def retire_near_copies(codebook: Tensor, uses: Tensor, merge_within: float) -> int:
    """Leave one of every few codes that say the same; returns how many were retired.

    A code that lies nearer than `merge_within` (a share of the codebook's root mean square spread)
    to a code used more often gives its place up: it is put so far away that no latent finds it.
    Pictures hardly change, and the transformer no longer has to guess which copy stands somewhere.

    codebook: `codes dim`, changed in place. uses: `codes`, how often each is chosen.
    """
    spread = codebook.var(0, unbiased=False).sum().sqrt()
    distances = torch.cdist(codebook, codebook)
    is_kept = torch.ones(len(codebook), dtype=torch.bool, device=codebook.device)
    for code in uses.argsort(descending=True).tolist():
        if is_kept[code]:
            is_near = distances[code] < merge_within * spread
            is_near[code] = False
            is_kept &= ~is_near
    codebook[~is_kept] = codebook.mean(0) + 10 * spread
    return int((~is_kept).sum())
