"""Pictures as people hold them (PIL) <-> pixels as models read them.

Pixels are `batch 3 height width`, from 0 to 1; rows and columns are those of the token grid.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from src.errors import UserError
from src.image_tokenizer.vqgan import VQGAN


def to_pixels(images: Any) -> Float[Tensor, "batch 3 height width"]:
    """The pixels of one PIL picture or a sequence of equally large ones; colours become RGB.

    A tensor of pixels passes through. Raises UserError for anything else.
    """
    if isinstance(images, Tensor):
        return _checked(images)
    listed = list(images) if isinstance(images, Sequence) else [images]
    if not listed:
        raise UserError("there are no images: give at least one")
    for image in listed:
        if not isinstance(image, Image.Image):
            raise UserError(f"images holds a {type(image).__name__}: give PIL pictures, or pixels")
        if image.size != listed[0].size:
            raise UserError(
                f"the images have different sizes, {listed[0].size} and {image.size}: encode "
                "those of one size together"
            )
    stacked = np.stack([np.asarray(image.convert("RGB")) for image in listed])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).float() / 255


def to_images(pixels: Float[Tensor, "batch 3 height width"]) -> list[Image.Image]:
    """PIL pictures of pixels, rounded to the nearest of 256 levels."""
    levels = (pixels.float() * 255).round().clamp(0, 255).to(torch.uint8)
    return [Image.fromarray(picture) for picture in levels.permute(0, 2, 3, 1).cpu().numpy()]


def checked_ids(token_ids: Any) -> Int[Tensor, "batch rows columns"]:
    """Token ids as the image tokenizer looks them up; UserError for no grid of whole numbers.

    Whether each stands for a code, the image tokenizer says.
    """
    if not isinstance(token_ids, Tensor):
        raise UserError(
            f"token_ids is a {type(token_ids).__name__}: give a tensor, batch x rows x columns"
        )
    is_whole = not (token_ids.is_floating_point() or token_ids.is_complex())
    if not is_whole or token_ids.dtype == torch.bool or token_ids.ndim != 3 or not len(token_ids):
        raise UserError(
            f"token_ids is a tensor of {token_ids.dtype} and shape {tuple(token_ids.shape)}: give "
            "whole numbers, batch x rows x columns"
        )
    return token_ids.long()


@torch.no_grad()
def encode_pixels(
    vqgan: VQGAN, pixels: Float[Tensor, "batch 3 height width"]
) -> Int[Tensor, "batch rows columns"]:
    """The token ids of pixels; one picture at a time, so that none depends on its company."""
    codebook = vqgan.quantizer.codebook
    pictures = pixels.to(codebook.device, codebook.dtype).split(1)
    return torch.cat([vqgan.encode(picture) for picture in pictures])


@torch.no_grad()
def decode_pixels(
    vqgan: VQGAN, token_ids: Int[Tensor, "batch rows columns"]
) -> Float[Tensor, "batch 3 height width"]:
    """The pixels of token ids, from 0 to 1, in float32; one picture at a time.

    Where half precision gives NaN, the image tokenizer rises to float32, and stays there.
    """
    codebook = vqgan.quantizer.codebook
    rows = token_ids.to(codebook.device).split(1)
    pixels = torch.cat([vqgan.decode(row).float() for row in rows])
    if codebook.dtype != torch.float32 and pixels.isnan().any():
        return decode_pixels(vqgan.float(), token_ids)
    return pixels


def _checked(pixels: Tensor) -> Tensor:
    is_picture = pixels.ndim == 4 and pixels.shape[1] == 3 and pixels.is_floating_point()
    if not is_picture or not bool(((pixels >= 0) & (pixels <= 1)).all()):
        raise UserError(
            f"the images are a tensor of {pixels.dtype} and shape {tuple(pixels.shape)}: pixels "
            "are floating point, batch x 3 x height x width, from 0 to 1"
        )
    return pixels
