"""The discriminator of a VQGAN's training and both sides' losses.

Isola et al. 2017 (pix2pix), section 3.2.2 and appendix 6.1.2: a small convolutional network that
judges every patch of a picture by itself. Hinge losses as Lim and Ye 2017 give them, the weight of
the adversarial loss by Esser et al. 2021 (VQGAN), equation 7.
Dimensions: batch, height and width in pixels, rows and columns of patches.
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.nn.functional import relu

from src.errors import UserError

GROUP_CHANNELS = 16  # channels that are normalised together
SLOPE = 0.2  # of the leaky rectifiers
SPREAD = 0.02  # standard deviation of initial weights (Isola et al., appendix 6.2)
SMALLEST = 1e-6  # delta of equation 7
HIGHEST_WEIGHT = 1e4  # where the adversarial gradient vanishes, the ratio would grow without end


class PatchDiscriminator(nn.Module):
    """Pixels from 0 to 1 to one logit a patch: high where it looks real.

    Norms are over groups of channels of one picture. The original's batch norm would let a
    picture's verdict depend on its company; real and reconstructed pictures come in batches of
    their own, so their batch statistics alone would tell the two apart, and one saved mean would
    have to serve both.
    """

    def __init__(self, channels: int = 64, num_layers: int = 3, generator: Generator | None = None):
        """channels: of the first layer, a multiple of 8. num_layers: halvings of the side."""
        super().__init__()
        self.smallest_side = smallest_side(num_layers)
        widths = [channels * min(2**index, 8) for index in range(num_layers + 1)]
        layers = [nn.Conv2d(3, channels, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
        for index, (width_in, width) in enumerate(pairwise(widths)):
            stride = 1 if index == num_layers - 1 else 2
            layers += [
                nn.Conv2d(width_in, width, 4, stride, padding=1),
                nn.GroupNorm(width // GROUP_CHANNELS, width),
                nn.LeakyReLU(SLOPE),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, padding=1))
        self.reset_parameters(generator)

    @torch.no_grad()
    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw all weights anew, as Isola et al. 2017."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.normal_(std=SPREAD, generator=generator)
                module.bias.zero_()
            elif isinstance(module, nn.GroupNorm):
                module.weight.normal_(1.0, SPREAD, generator=generator)
                module.bias.zero_()

    def forward(
        self, pixels: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 1 rows columns"]:
        """Raises UserError for pictures too small to hold a patch."""
        height, width = pixels.shape[-2:]
        if min(height, width) < self.smallest_side:
            raise UserError(
                f"The discriminator cannot judge pictures of {width} x {height} pixels: both sides "
                f"must be at least {self.smallest_side}, or give it fewer layers."
            )
        return self.layers(2 * pixels - 1)


def smallest_side(num_layers: int) -> int:
    """Pixels that a picture's sides must have: the two layers at the end take a patch each."""
    return 3 * 2**num_layers


def discriminator_loss(
    real: Float[Tensor, "batch 1 rows columns"], fake: Float[Tensor, "batch 1 rows columns"]
) -> Float[Tensor, ""]:
    """Hinge: nothing to gain above 1 on real patches, nor below -1 on reconstructed ones."""
    return (relu(1 - real.float()).mean() + relu(1 + fake.float()).mean()) / 2


def generator_loss(fake: Float[Tensor, "batch 1 rows columns"]) -> Float[Tensor, ""]:
    """The other side of the hinge: reconstructed patches should get high logits, without end."""
    return -fake.float().mean()


def adaptive_weight(
    reconstruction: Float[Tensor, ""], adversarial: Float[Tensor, ""], last_layer: Tensor
) -> Float[Tensor, ""]:
    """How much the adversarial loss has to weigh to pull as hard as the reconstruction does.

    Equation 7 of Esser et al. 2021: the ratio of both gradients' norms at the decoder's last layer.
    A number without gradient; both losses can still be differentiated.
    """
    norms = [
        torch.autograd.grad(loss, last_layer, retain_graph=True)[0].norm()
        for loss in (reconstruction, adversarial)
    ]
    return (norms[0] / (norms[1] + SMALLEST)).clamp(max=HIGHEST_WEIGHT)
