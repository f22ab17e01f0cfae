"""What a VQGAN is asked for in its training on real pictures: the losses and their weights."""

from dataclasses import dataclass

from src.errors import UserError
from src.limits import between, whole


@dataclass
class TokenizerLossConfig:
    """Weights of the losses; where none is named, they are those of Esser et al. 2021 (VQGAN).

    The discriminator keeps out of the first `gan_start` steps: it would learn to tell grey mush
    from pictures, which says nothing about how to draw.
    """

    l1_weight: float = 1.0  # of the mean absolute error, pixels from 0 to 1: sharp edges
    l2_weight: float = 0.0  # of the mean square error: a high PSNR, softer edges
    perceptual_weight: float = 0.0  # of LPIPS; 1 in VQGAN; needs vgg_weights
    vgg_weights: str | None = None  # file or folder of torchvision's VGG16; nothing is downloaded
    codebook_weight: float = 1.0  # pulls codes to the latents that chose them
    commitment_weight: float = 0.25  # pulls latents to their codes (report section 2.1)

    gan_weight: float = 0.8  # of the adversarial loss, times the adaptive weight; 0 = no GAN
    gan_start: int = 10_000  # steps without discriminator
    discriminator_learning_rate: float = 1e-4
    discriminator_channels: int = 64  # of its first layer, a multiple of 8; later ones up to 8 x
    discriminator_layers: int = 3  # halvings of the side; with 3, a logit sees 70 x 70 pixels

    revive_after: int = 100  # steps; a code chosen by no latent for so long is moved; 0 = never


def check_losses(losses: TokenizerLossConfig, place: str = "tokenizer") -> None:
    """Refuse losses that nothing could be learned from; `place` begins each key (UserError)."""
    for key in ("l1_weight", "l2_weight", "perceptual_weight", "codebook_weight"):
        between(f"{place}.{key}", getattr(losses, key), 0, 10**6)
    for key in ("commitment_weight", "gan_weight", "discriminator_learning_rate"):
        between(f"{place}.{key}", getattr(losses, key), 0, 10**6)
    for key in ("gan_start", "revive_after"):
        whole(f"{place}.{key}", getattr(losses, key), 0, 10**9)
    whole(f"{place}.discriminator_layers", losses.discriminator_layers, 1, 6)
    channels = losses.discriminator_channels
    whole(f"{place}.discriminator_channels", channels, 8, 1024)
    if channels % 8:
        raise UserError(
            f"{place}.discriminator_channels={channels} cannot be normalised in groups; give a "
            "multiple of 8."
        )
    if losses.l1_weight == losses.l2_weight == losses.perceptual_weight == 0:
        raise UserError(
            f"{place}.l1_weight, l2_weight and perceptual_weight are all 0, so nothing would ask "
            "for the picture back; give one of them more."
        )
    if losses.perceptual_weight > 0 and not losses.vgg_weights:
        raise UserError(
            f"{place}.perceptual_weight={losses.perceptual_weight} needs {place}.vgg_weights, a "
            "file of torchvision's VGG16 on this disk; give its path, or "
            f"{place}.perceptual_weight=0."
        )
