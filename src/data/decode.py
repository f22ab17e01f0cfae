"""Any picture file -> plain 8-bit RGB, upright, or one reason why not.

Cameras, scanners and the web write far more than RGB: what a person sees in a viewer is what a
model should learn from.
"""

import io
import warnings

import numpy as np
from PIL import Image, ImageOps

from src.data.bad_rows import BadRowError
from src.data.config import PicturesConfig

SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I")  # grey levels up to 65,535
WHITE = (255, 255, 255)


def decode_picture(source: bytes | str, limits: PicturesConfig) -> Image.Image:
    """The first frame of a picture file in RGB, turned as its EXIF tag says.

    Transparent places become white, 16 bits become 8, CMYK and palettes become RGB.

    Args:
        source: a file's content, or its path.
        limits: `min_side`, `max_aspect_ratio` and `max_pixels` are looked at before the pixels are.

    Raises:
        BadRowError: no picture, a damaged one, or one beyond the limits.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of huge pictures and odd tags: judged below
            image = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source)
            _check_size(*image.size, limits)
            image.load()
            return _in_rgb(ImageOps.exif_transpose(image))
    except BadRowError:
        raise
    except Image.DecompressionBombError as error:  # Pillow's own limit comes before ours
        raise BadRowError(f"far more pixels than data.max_pixels={limits.max_pixels:,}") from error
    except FileNotFoundError as error:
        raise BadRowError("there is no such file") from error
    except Exception as error:  # a damaged file makes Pillow's readers raise nearly anything
        raise BadRowError(f"not a readable picture ({type(error).__name__}: {error})") from error


def _check_size(width: int, height: int, limits: PicturesConfig) -> None:
    size = f"{width} x {height} pixels"
    if width * height > limits.max_pixels:
        raise BadRowError(f"{size} are more than data.max_pixels={limits.max_pixels:,}")
    if min(width, height) < limits.min_side:
        raise BadRowError(f"{size}: a side is shorter than data.min_side={limits.min_side}")
    if max(width, height) > limits.max_aspect_ratio * min(width, height):
        raise BadRowError(
            f"{size}: narrower than data.max_aspect_ratio={limits.max_aspect_ratio:g}"
        )


def _in_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise BadRowError("its pixels are floating point numbers without a known range")
    if image.mode in SIXTEEN_BITS:  # Pillow itself would cut everything above 255
        levels = np.asarray(image).astype(np.float64) / 257
        image = Image.fromarray(levels.clip(0, 255).round().astype(np.uint8), "L")
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        image = Image.new("RGBA", image.size, (*WHITE, 255))
        image.alpha_composite(seen)
    return image.convert("RGB")
