"""Train a VQGAN on real pictures: reconstruction, codebook, and a discriminator that joins later.

Esser et al. 2021 (VQGAN), equations 4 to 7, with LPIPS where its weights are given. The codebook is
learned by gradient (van den Oord et al. 2017, equation 3) and not by running means: so it is a
parameter like others, with one optimizer, one average and one rate that falls at the end, and a
published VQGAN can be trained further without knowing its means. What gradients cannot do, move a
code that nobody chooses, `CodeUse` does. Dimensions: batch, height, width, codes, dim.
"""

from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from src.errors import UserError
from src.image_tokenizer.usage import code_counts, perplexity, share_used
from src.training.averaging import moving_average
from src.training.batches import step_generator
from src.training.config import TrainingConfig
from src.training.dead_codes import CodeUse
from src.training.discriminator import (
    PatchDiscriminator,
    adaptive_weight,
    discriminator_loss,
    generator_loss,
)
from src.training.learning_rate import count_steps_as_changes, rate_factor
from src.training.picture_batches import PictureBatch
from src.training.tokenizer_config import TokenizerLossConfig
from src.training.vqgan_module import to_unit_pixels

PRECISIONS = ("bf16-mixed", "32-true")
DISCRIMINATOR_BETAS = (0.5, 0.9)  # slow averages would answer to a generator that has moved on


class TokenizerModule(lightning.LightningModule):
    """A VQGAN, its discriminator, and one optimizer for both.

    Adam moves every parameter by its own gradient alone, so one AdamW with a group a side is two;
    and as neither side's loss reaches the other's weights, one backward pass of their sum is both.
    That way a batch is one step for Lightning's counter, checkpoints and resumes. Both sides answer
    to the same reconstruction, as both are before the step.
    """

    def __init__(
        self,
        vqgan: nn.Module,
        config: TrainingConfig,
        losses: TokenizerLossConfig,
        seed: int,
        perceptual: nn.Module | None = None,
    ):
        """perceptual: an opened `Lpips`, where `losses` weighs it.

        Raises UserError for settings that cannot be run.
        """
        super().__init__()
        _check(config, losses, perceptual)
        self.vqgan = vqgan.to(memory_format=torch.channels_last)
        self.config, self.losses, self.seed = config, losses, seed
        self.average = moving_average(vqgan, config)
        self.discriminator = PatchDiscriminator(
            losses.discriminator_channels,
            losses.discriminator_layers,
            generator=step_generator(seed, -1),  # its own numbers, not those of any step
        ).to(memory_format=torch.channels_last)
        self.code_use = CodeUse(len(vqgan.quantizer.codebook))
        self.perceptual = [perceptual]  # in a list: not in checkpoints

    def on_fit_start(self) -> None:
        if self.perceptual[0] is not None:
            self.perceptual[0].to(self.device)

    def training_step(self, batch: PictureBatch, _: int) -> Tensor:
        """One step of both sides; its loss is the sum of theirs."""
        pixels = to_unit_pixels(batch.pictures).contiguous(memory_format=torch.channels_last)
        latents = self.vqgan.encode_latents(pixels)
        num_revived = self._revive(latents.detach())
        quantized = self.vqgan.quantize(latents)
        counts = code_counts(quantized.token_ids, len(self.vqgan.quantizer.codebook))
        self.code_use.count(counts)
        back = self.vqgan.decode_codes(quantized.codes)
        reconstruction, values = self._reconstruction(pixels, back)
        values |= {
            "codebook": quantized.codebook_loss,
            "commitment": quantized.commitment_loss,
            "codes_used": share_used(counts),
            "perplexity": perplexity(counts),
            "revived": float(num_revived),
        }
        loss = (
            reconstruction
            + self.losses.codebook_weight * quantized.codebook_loss
            + self.losses.commitment_weight * quantized.commitment_loss
        )
        if self.losses.gan_weight > 0 and self.global_step >= self.losses.gan_start:
            game, moves = self._game(pixels, back, reconstruction)
            loss, values = loss + game, values | moves
        self.log_dict({"loss": loss, "psnr": values.pop("psnr")}, prog_bar=True)
        self.log_dict(values)
        return loss

    def _reconstruction(self, pixels: Tensor, back: Tensor) -> tuple[Tensor, dict[str, Any]]:
        """What asks for the picture back, and its parts; PSNR is of pixels clipped, as shown."""
        error = back - pixels
        l1, l2 = error.abs().mean(), error.square().mean()
        clipped = (back.detach().float().clamp(0, 1) - pixels).square().mean()
        values = {"l1": l1, "l2": l2, "psnr": -10 * clipped.log10()}
        loss = self.losses.l1_weight * l1 + self.losses.l2_weight * l2
        if self.perceptual[0] is not None and self.losses.perceptual_weight > 0:
            values["lpips"] = self.perceptual[0](pixels, back)
            loss = loss + self.losses.perceptual_weight * values["lpips"]
        return loss, values

    def _game(
        self, pixels: Tensor, back: Tensor, reconstruction: Tensor
    ) -> tuple[Tensor, dict[str, Any]]:
        """Both sides' adversarial losses in one sum, of which each side feels its own part only."""
        frozen = {name: each.detach() for name, each in self.discriminator.named_parameters()}
        adversarial = generator_loss(functional_call(self.discriminator, frozen, (back,)))
        weight = adaptive_weight(reconstruction, adversarial, self.vqgan.decoder.head.weight)
        real, fake = self.discriminator(pixels), self.discriminator(back.detach())
        judgement = discriminator_loss(real, fake)
        values = {
            "adversarial": adversarial,
            "adaptive_weight": weight,
            "discriminator": judgement,
            "logits_real": real.float().mean(),
            "logits_fake": fake.float().mean(),
        }
        return self.losses.gan_weight * weight * adversarial + judgement, values

    def _revive(self, latents: Tensor) -> int:
        """Move dead codes, but not while the rate falls: their new place would not be learned."""
        is_falling = self.global_step >= self.config.max_steps * (1 - self.config.decay_ratio)
        if is_falling or not self.losses.revive_after:
            return 0
        codebooks = [part.quantizer.codebook for part in (self.vqgan, self.average.module)]
        rng = step_generator(self.seed, self.global_step)
        return self.code_use.revive(codebooks, latents, self.losses.revive_after, rng)

    def configure_gradient_clipping(
        self,
        optimizer: Any,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Each side by its own norm, or a loud discriminator would slow the generator down."""
        for side in (self.vqgan, self.discriminator) if gradient_clip_val else ():
            clip_grad_norm_(side.parameters(), gradient_clip_val)

    def optimizer_step(self, *args, **kwargs) -> None:
        super().optimizer_step(*args, **kwargs)
        self.average.update_parameters(self.vqgan)

    def configure_optimizers(self):
        """One AdamW; weight decay is for convolutions' weights, as it would make codes alike."""
        codebook, decay = self.vqgan.quantizer.codebook, self.config.weight_decay
        params = list(self.vqgan.parameters())
        decayed = [each for each in params if each.ndim >= 2 and each is not codebook]
        others = [each for each in params if each.ndim < 2 or each is codebook]
        groups = [
            {"params": decayed, "weight_decay": decay},
            {"params": others, "weight_decay": 0.0},
            {
                "params": list(self.discriminator.parameters()),
                "weight_decay": 0.0,
                "lr": self.losses.discriminator_learning_rate,
                "betas": DISCRIMINATOR_BETAS,
            },
        ]
        settings = {"betas": (0.9, self.config.beta2), "fused": self.config.fused}
        stepper = AdamW(groups, lr=self.config.learning_rate, **settings)
        count_steps_as_changes(stepper)
        schedule = LambdaLR(stepper, lambda step: rate_factor(step, self.config))
        return {
            "optimizer": stepper,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def _check(
    config: TrainingConfig, losses: TokenizerLossConfig, perceptual: nn.Module | None
) -> None:
    if config.precision not in PRECISIONS:  # 16 bits lose the gradients that weigh the game
        raise UserError(
            f"training.precision={config.precision} cannot train a VQGAN against its "
            f"discriminator; give {' or '.join(PRECISIONS)}."
        )
    if config.optimizer != "adamw":
        raise UserError(
            f"training.optimizer={config.optimizer} does not know the convolutions of a VQGAN and "
            "its discriminator; give adamw."
        )
    if losses.perceptual_weight > 0 and perceptual is None:
        raise UserError(
            f"tokenizer.perceptual_weight={losses.perceptual_weight} asks for LPIPS, and no VGG16 "
            "weights were opened; give tokenizer.vgg_weights, or a perceptual_weight of 0."
        )
