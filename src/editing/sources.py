"""What people hand in to be edited: pictures and masks as path, PIL picture or array.

Dimensions: rows, columns (of pixels), channels.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image, ImageOps
from torch import Tensor

from src.errors import UserError, shown
from src.sampler.config import LARGEST_SIDE

MOST_PIXELS = 100_000_000  # of a picture; a file may claim any number
SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N", "I")  # grey levels up to 65,535
HALF = 128  # a mask's level from which a pixel is to be repainted, as upstream's
WHITE = 255
KINDS = "give a path, a PIL picture or an array"
LEVELS = "give whole numbers from 0 to 255, or floating point from 0 to 1"


class Source(NamedTuple):
    """A picture as it was handed in, upright, in 8 bits."""

    pixels: UInt8[np.ndarray, "rows columns channels"]  # RGB, or RGBA where it had transparency

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def rgb(self) -> UInt8[np.ndarray, "rows columns 3"]:
        """What the model sees: transparency over white."""
        if self.pixels.shape[2] == 3:
            return self.pixels
        alpha = self.pixels[..., 3:].astype(np.float32) / 255
        seen = self.pixels[..., :3] * alpha + WHITE * (1 - alpha)
        return np.where(alpha == 1, self.pixels[..., :3], seen.round().astype(np.uint8))


def open_sources(images: Any, name: str = "images") -> list[Source]:
    """One picture or several, all of one size; raises UserError for anything else.

    An array is rows x columns x 1, 3 or 4 channels, or without channels; whole numbers from 0 to
    255 or floating point from 0 to 1; a tensor has its channels first. Pictures are turned upright
    as their EXIF tag says, palettes and 16 bits become 8-bit colours, transparency is kept.
    """
    sources = [_source(each, its_name) for each, its_name in _listed(images, name)]
    for each in sources:
        if each.size != sources[0].size:
            raise UserError(
                f"{name} has pictures of {by(sources[0].size)} and of {by(each.size)} pixels: edit "
                "those of one size together"
            )
    return sources


def open_masks(masks: Any, name: str = "masks") -> list[Bool[np.ndarray, "rows columns"]]:
    """One mask or several; True, white, or any level from the middle on is to be repainted.

    Raises UserError for what is no mask, such as a picture in colours.
    """
    return [levels >= HALF for levels in mask_levels(masks, name)]


def mask_levels(masks: Any, name: str = "masks") -> list[UInt8[np.ndarray, "rows columns"]]:
    """The masks' grey levels, 255 = to be repainted; raises UserError as `open_masks`."""
    return [_mask(each, its_name) for each, its_name in _listed(masks, name)]


def check_mask_size(mask: Bool[np.ndarray, "rows columns"], source: Source, name: str) -> None:
    """Refuse a mask of another size than its picture's; raises UserError."""
    size = (mask.shape[1], mask.shape[0])
    if size != source.size:
        raise UserError(
            f"{name} has {by(size)} pixels and its picture {by(source.size)}: give a mask of the "
            "picture's size"
        )


def _listed(given: Any, name: str) -> list[tuple[Any, str]]:
    """Each of what was given, with the name that a sentence calls it by."""
    is_array = isinstance(given, np.ndarray | Tensor)
    if is_array and given.ndim > 3:
        given = list(given)
    elif is_array or isinstance(given, str | Path | Image.Image):
        return [(given, name)]
    if not isinstance(given, Sequence) or len(given) == 0:
        raise UserError(f"{name} is {shown(given)}: {KINDS}, or a list of them")
    return [(each, f"{name}[{index}]") for index, each in enumerate(given)]


def _source(given: Any, name: str) -> Source:
    if isinstance(given, np.ndarray | Tensor):
        array = _array(given)
        is_turned = isinstance(given, Tensor) and array.ndim == 3
        levels = _levels(np.moveaxis(array, 0, -1) if is_turned else array, name)
        if levels.ndim == 2:
            levels = levels[..., None]
        if levels.ndim != 3 or levels.shape[2] not in (1, 3, 4):
            raise UserError(
                f"{name} is an array of shape {tuple(given.shape)}: a picture has rows, columns "
                "and 1, 3 or 4 channels"
            )
        return Source(np.ascontiguousarray(levels.repeat(3, 2) if levels.shape[2] == 1 else levels))
    image = _opened(given, name)
    if image.mode in SIXTEEN_BITS:
        image = Image.fromarray(_eight_bits(image))
    return Source(np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB")))


def _mask(given: Any, name: str) -> UInt8[np.ndarray, "rows columns"]:
    if isinstance(given, np.ndarray | Tensor):
        array = _array(given)
        axes = (0, -1) if isinstance(given, Tensor) else (-1, 0)  # where its channel may stand
        axis = next((axis for axis in axes if array.ndim == 3 and array.shape[axis] == 1), None)
        if axis is not None:
            array = array.squeeze(axis)
        if array.ndim != 2:
            raise UserError(
                f"{name} is an array of shape {tuple(given.shape)}: a mask has one channel, rows "
                "and columns alone"
            )
        is_bool = array.dtype == np.bool_
        return _mask_levels(array.astype(np.uint8) * WHITE if is_bool else array, name)
    image = _opened(given, name)
    if image.mode in SIXTEEN_BITS:
        return _eight_bits(image)
    if image.has_transparency_data and np.asarray(image.convert("RGBA"))[..., 3].min() < WHITE:
        raise UserError(
            f"{name} is transparent in places, which can mean either side: give a mask of one "
            "channel, white where it is to be repainted"
        )
    colors = np.asarray(image.convert("RGB"))
    if np.ptp(colors, axis=2).any():
        raise UserError(
            f"{name} is a picture in colours ({image.mode}): give a mask in black and white, white "
            "where it is to be repainted"
        )
    return _mask_levels(colors[..., 0], name)


def _mask_levels(array: np.ndarray, name: str) -> UInt8[np.ndarray, "rows columns"]:
    levels = _levels(array, name)
    if levels.max() == 1:
        raise UserError(
            f"{name} has the levels 0 and 1, and 255 is white: give True and False, or 0 and 255"
        )
    return levels


def _eight_bits(image: Image.Image) -> UInt8[np.ndarray, "rows columns"]:
    """16-bit grey as 8-bit; Pillow itself would cut everything above 255."""
    return (np.asarray(image) / 257).clip(0, 255).round().astype(np.uint8)


def _opened(given: Any, name: str) -> Image.Image:
    """A PIL picture, read whole and turned upright; raises UserError where that is impossible."""
    if isinstance(given, Image.Image):
        image, what = given, name
    elif isinstance(given, str | Path):
        what = f"{name}={shown(str(given))}"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of huge pictures and odd tags: judged below
                image = Image.open(Path(given).expanduser())
        except FileNotFoundError as error:
            raise UserError(f"{what} is not there: {KINDS}") from error
        except Image.DecompressionBombError as error:
            raise UserError(f"{what} has more than {MOST_PIXELS:,} pixels: shrink it") from error
        except Exception as error:  # Pillow's readers raise nearly anything
            raise UserError(
                f"{what} is no readable picture ({type(error).__name__}): {KINDS}"
            ) from error
    else:
        raise UserError(f"{name} is a {type(given).__name__}: {KINDS}")
    check_size(image.size, what)
    if image.mode == "F":
        raise UserError(f"{what} has floating point pixels of no known range: give 8-bit ones")
    try:
        image.load()
        image = ImageOps.exif_transpose(image)
    except Exception as error:  # a damaged file
        raise UserError(
            f"{what} is a damaged or closed picture ({type(error).__name__}): give a whole one"
        ) from error
    return image.convert("LA") if image.mode == "La" else image  # which converts to nothing else


def check_size(size: tuple[int, int], what: str) -> None:
    """Refuse a picture without pixels, or with too many; raises UserError."""
    if min(size) < 1 or max(size) > LARGEST_SIDE or size[0] * size[1] > MOST_PIXELS:
        raise UserError(
            f"{what} has {by(size)} pixels: give at least 1, at most {LARGEST_SIDE:,} a side and "
            f"{MOST_PIXELS:,} in all"
        )


def _array(given: np.ndarray | Tensor) -> np.ndarray:
    if not isinstance(given, Tensor):
        return given
    tensor = given.detach().cpu()
    return (tensor.float() if tensor.is_floating_point() else tensor).numpy()


def _levels(array: np.ndarray, name: str) -> UInt8[np.ndarray, "..."]:
    """Numbers as 8-bit levels; raises UserError for any that are none."""
    if array.ndim > 1:
        check_size((array.shape[1], array.shape[0]), name)
    if array.dtype == np.uint8:
        return array
    if np.issubdtype(array.dtype, np.integer):
        low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
        if low < 0 or high > WHITE:
            raise UserError(f"{name} is an array of {array.dtype} from {low} to {high}: {LEVELS}")
        return array.astype(np.uint8)
    if not np.issubdtype(array.dtype, np.floating):
        raise UserError(f"{name} is an array of {array.dtype}: {LEVELS}")
    if not np.isfinite(array).all():
        raise UserError(f"{name} holds NaN or infinity: give numbers from 0 to 1")
    if array.size and (array.min() < 0 or array.max() > 1):
        raise UserError(
            f"{name} holds {array.min() if array.min() < 0 else array.max():g}: floating point "
            "pixels lie from 0 to 1"
        )
    return (array * 255).round().astype(np.uint8)


def by(size: tuple[int, int]) -> str:
    """A size as it stands in a sentence, width first."""
    return f"{size[0]}x{size[1]}"
