"""aMUSEd's image tokenizer: a VQGAN that turns pixels into token ids and token ids into pixels.

Dimensions: batch, height and width in pixels, rows and columns of the token grid (each side
divided by `downscale`), latent (channels), dim (of a code).
"""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.nn.functional import silu

from src.errors import UserError
from src.image_tokenizer.blocks import EPS, Double, Halve, Level, ResidualBlock
from src.image_tokenizer.config import ImageTokenizerConfig, check
from src.image_tokenizer.fast_decoder import FastDecoder
from src.image_tokenizer.quantizer import Quantized, Quantizer


class Encoder(nn.Module):
    """Pixels to latents, level by level from fine to coarse.

    Esser et al. (2021), figure 2, without its attention layers.
    """

    def __init__(self, config: ImageTokenizerConfig):
        super().__init__()
        widths, groups = config.block_out_channels, config.norm_num_groups
        self.stem = nn.Conv2d(config.in_channels, widths[0], 3, padding=1)
        self.levels = nn.Sequential(
            *(
                Level(
                    widths[max(index - 1, 0)],
                    width,
                    config.layers_per_block,
                    groups,
                    step=nn.Identity() if index == len(widths) - 1 else Halve(width),
                )
                for index, width in enumerate(widths)
            )
        )
        self.middle = nn.Sequential(
            ResidualBlock(widths[-1], widths[-1], groups),
            ResidualBlock(widths[-1], widths[-1], groups),
        )
        self.norm = nn.GroupNorm(groups, widths[-1], EPS)
        self.head = nn.Conv2d(widths[-1], config.latent_channels, 3, padding=1)

    def forward(
        self, pixels: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch latent rows columns"]:
        x = self.stem(pixels)
        x = self.levels(x)
        x = self.middle(x)
        return self.head(silu(self.norm(x)))


class Decoder(nn.Module):
    """Latents to pixels: the encoder's mirror image with one more block per level."""

    def __init__(self, config: ImageTokenizerConfig):
        super().__init__()
        widths, groups = config.block_out_channels[::-1], config.norm_num_groups
        self.stem = nn.Conv2d(config.latent_channels, widths[0], 3, padding=1)
        self.middle = nn.Sequential(
            ResidualBlock(widths[0], widths[0], groups),
            ResidualBlock(widths[0], widths[0], groups),
        )
        self.levels = nn.Sequential(
            *(
                Level(
                    widths[max(index - 1, 0)],
                    width,
                    config.layers_per_block + 1,
                    groups,
                    step=nn.Identity() if index == len(widths) - 1 else Double(width),
                )
                for index, width in enumerate(widths)
            )
        )
        self.norm = nn.GroupNorm(groups, widths[-1], EPS)
        self.head = nn.Conv2d(widths[-1], config.out_channels, 3, padding=1)

    def forward(
        self, latents: Float[Tensor, "batch latent rows columns"]
    ) -> Float[Tensor, "batch 3 height width"]:
        x = self.stem(latents)
        x = self.middle(x)
        x = self.levels(x)
        return self.head(silu(self.norm(x)))


class VQGAN(nn.Module):
    """Encoder, codebook and decoder; pixels lie in [0, 1] on both sides, never in -1..1."""

    def __init__(
        self,
        config: ImageTokenizerConfig,
        init: Literal["training", "random"] = "training",
        generator: Generator | None = None,
    ):
        """Build and initialise the model; raises UserError for an impossible configuration."""
        super().__init__()
        check(config)
        self.config = config
        dim = config.vq_embed_dim or config.latent_channels
        self.encoder = Encoder(config)
        self.to_codes = nn.Conv2d(config.latent_channels, dim, kernel_size=1)
        self.quantizer = Quantizer(config.num_vq_embeddings, dim)
        self.from_codes = nn.Conv2d(dim, config.latent_channels, kernel_size=1)
        self.decoder = Decoder(config)
        self.decoder_precision = "float32"  # of its products in evaluation: one of PRECISIONS
        self.reset_parameters(init, generator)

    @property
    def downscale(self) -> int:
        """Pixels per token along each side: 16 in aMUSEd."""
        return 2 ** (len(self.config.block_out_channels) - 1)

    @property
    def codebook_size(self) -> int:
        """How many codes there are; token ids are 0 to codebook_size - 1."""
        return self.config.num_vq_embeddings

    @property
    def device(self) -> torch.device:
        """Where pictures are made; the encoder may still be elsewhere (`to_draw`)."""
        return self.to_codes.weight.device

    def to_draw(self, device: torch.device | str) -> "VQGAN":
        """Move all to a device but the encoder, which a picture of a prompt does not need.

        It waits on the processor, and follows with the first picture to encode.
        """
        for part in self.children():
            if part is not self.encoder or part.stem.weight.device.type != "cpu":
                part.to(device)
        return self

    def called_encoder(self) -> Encoder:
        """The encoder, brought to where the rest is."""
        if self.encoder.head.weight.device != self.device:  # the last to move
            self.encoder.to(self.device)
        return self.encoder

    def encode(
        self, pixels: Float[Tensor, "batch 3 height width"]
    ) -> Int[Tensor, "batch rows columns"]:
        """The token ids of pictures; raises UserError if a side is no multiple of `downscale`."""
        return self.quantizer.nearest(self.encode_latents(pixels))

    def decode(
        self, token_ids: Int[Tensor, "batch rows columns"]
    ) -> Float[Tensor, "batch 3 height width"]:
        """The pictures of token ids, clipped to [0, 1].

        Raises UserError for an id outside the codebook, above all for a token still hidden.
        """
        lowest, highest = (int(end) for end in token_ids.aminmax())
        if lowest < 0 or highest >= self.codebook_size:
            wrong = lowest if lowest < 0 else highest
            raise UserError(
                f"Token id {wrong} stands for no code: the image tokenizer decodes ids from 0 to "
                f"{self.codebook_size - 1}, after every hidden token has been filled in."
            )
        return self.decode_codes(self.quantizer.look_up(token_ids)).clamp(0, 1)

    def encode_latents(
        self, pixels: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch dim rows columns"]:
        """What the codebook is compared with: the encoder's latents, mapped to the codes' width."""
        height, width = pixels.shape[-2:]
        if height % self.downscale or width % self.downscale:
            raise UserError(
                f"A picture of {width} x {height} pixels does not fill a token grid: both sides "
                f"should be multiples of {self.downscale}."
            )
        return self.to_codes(self.called_encoder()(pixels))

    def quantize(self, latents: Float[Tensor, "batch dim rows columns"]) -> Quantized:
        """Nearest codes with straight-through gradients, their ids, and the training distances."""
        return self.quantizer(latents)

    def decode_codes(
        self, codes: Float[Tensor, "batch dim rows columns"]
    ) -> Float[Tensor, "batch 3 height width"]:
        """Pixels of code vectors, not clipped, so that training sees by how much they overshoot."""
        latents = self.from_codes(codes)
        if FastDecoder.serves(self.decoder, self.decoder_precision):
            return FastDecoder(self.decoder, self.decoder_precision)(latents)
        return self.decoder(latents)

    @torch.no_grad()
    def reset_parameters(
        self,
        init: Literal["training", "random"] = "training",
        generator: Generator | None = None,
    ) -> None:
        """Draw all parameters anew: torch's defaults, or, with "random", every one perturbed.

        "random" gives pictures with contrast around grey, for tests and demonstrations.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                bound = module.weight[0].numel() ** -0.5
                nn.init.uniform_(module.weight, -bound, bound, generator=generator)
                nn.init.uniform_(module.bias, -bound, bound, generator=generator)
            elif isinstance(module, nn.GroupNorm):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
        self.quantizer.reset_parameters(generator)
        if init == "random":
            self._perturb(generator)

    def _perturb(self, generator: Generator | None) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):  # three times torch's variance: spreads are kept
                module.weight.normal_(std=module.weight[0].numel() ** -0.5, generator=generator)
            elif isinstance(module, nn.GroupNorm):
                module.weight.normal_(1.0, 0.2, generator=generator)
                module.bias.normal_(0.0, 0.2, generator=generator)
        self.quantizer.codebook.normal_(generator=generator)
        self.decoder.head.weight.mul_(0.25)  # most pixels within 0..1
        self.decoder.head.bias.normal_(0.5, 0.05, generator=generator)
