"""Picture files as the libraries of metrics open them, made square as torch-fidelity makes them.

Pillow's own RGB, as clean-fid and torch-fidelity take it: no turning by EXIF tags, no paper behind
transparent places. Another treatment would give another number than everybody else's.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from src.data.crops import resized_size

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MOST_PIXELS = 64_000_000  # of one picture, as it lies there and as it is resized; more is refused
EIGHT_BITS = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "RGBX")


class UnreadablePictureError(Exception):
    """A file that gives no pixels. Its text says why, in a few words."""


def open_picture(path: Path) -> Image.Image:
    """The picture in RGB; raises UnreadablePictureError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd tags and of sizes that are judged here
            with Image.open(path) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise UnreadablePictureError(f"more than {MOST_PIXELS:,} pixels")
                if image.mode not in EIGHT_BITS:
                    raise UnreadablePictureError(f"mode {image.mode}, which is not of 8 bits")
                return image.convert("RGB")
    except UnreadablePictureError:
        raise
    except FileNotFoundError as error:
        raise UnreadablePictureError("not there") from error
    except Exception as error:  # a damaged file makes Pillow's readers raise nearly anything
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UnreadablePictureError(reason.removesuffix(f" {str(path)!r}")) from error


def square(image: Image.Image, size: int) -> UInt8[np.ndarray, "size size 3"]:
    """The shorter side resized to `size` (bilinear, antialiased), then the middle cut out.

    torch-fidelity's `samples_resize_and_crop`, which the authors set to the height of the
    generated pictures; one of that size passes unchanged. Raises UnreadablePictureError.
    """
    width, height = resized_size(*image.size, size)
    if width * height > MOST_PIXELS:  # a strip grows by its short side
        raise UnreadablePictureError(
            f"{image.width}x{image.height}, which with {size} on its shorter side would be more "
            f"than {MOST_PIXELS:,} pixels"
        )
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - size) / 2), round((height - size) / 2)  # halves to the even side
    return np.asarray(resized.crop((left, top, left + size, top + size)))


def read_squares(
    paths: Sequence[Path], size: int
) -> tuple[list[UInt8[np.ndarray, "size size 3"]], dict[Path, str]]:
    """The pixels of every file that gives some; and why each other one does not."""
    pixels, unreadable = [], {}
    for path in paths:
        try:
            pixels.append(square(open_picture(path), size))
        except UnreadablePictureError as error:
            unreadable[path] = str(error)
    return pixels, unreadable
