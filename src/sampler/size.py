"""How large a picture may be: whole tokens in both directions, and no more than memory holds."""

from typing import Any

from src.errors import UserError, shown
from src.memory import check_free
from src.sampler.config import LARGEST_SIDE

# of a decoding on CPU; less than the 36 to 39 measured, so that no size that fits is refused
BYTES_PER_LOGIT = 32
BYTES_PER_FEATURE = 12  # the decoder's last convolution: input, output and one more


def checked_side(name: str, pixels: Any, unit: int) -> int:
    """A side in pixels that is made of whole units; raises UserError for any other."""
    if type(pixels) is not int or not 1 <= pixels <= LARGEST_SIDE or pixels % unit:
        raise UserError(
            f"{name}={shown(pixels)} is impossible; give a multiple of {unit} pixels, at most "
            f"{LARGEST_SIDE:,}"
        )
    return pixels


def check_size_fits(
    size: tuple[int, int],
    num_together: int,
    downscale: int,
    num_codes: int,
    num_channels: int,
    device: str,
) -> None:
    """Refuse a size that could only end with the process being killed for its memory; UserError.

    size: width and height in pixels. num_together: pictures that are decoded in one pass.
    downscale: pixels to a token's side. num_channels: features of every pixel in the decoder.
    """
    width, height = size
    num_tokens = width * height // downscale**2
    logits = num_together * num_tokens * num_codes * BYTES_PER_LOGIT
    needed = max(logits, width * height * num_channels * BYTES_PER_FEATURE)
    check_free(needed, device, f"height={height} and width={width}", "give smaller sides")
