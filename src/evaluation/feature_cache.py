"""Features of a set of pictures, computed once and kept: on the disk in blocks of fixed size.

A block goes through the network in batches of the same pictures, whoever computes it and wherever
a run before was killed, so that no last digit depends on that. A set that was seen before, by the
same weights, the same preprocessing and as many pictures at once, is not opened again.

Dimensions: batch (pictures of a block), dim.
"""

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from src.errors import UserError
from src.evaluation.extractor import Extractor
from src.evaluation.little_memory import with_less_at_once
from src.evaluation.picture_files import read_squares
from src.evaluation.picture_set import PictureSet
from src.whole_files import write_whole

BLOCK = 256  # pictures; another size parts them into other batches, so it is a part of the key
MOST_NAMED = 5  # unreadable pictures in one sentence


class DamagedCache(UserWarning):
    """A block of kept features was not as it was written; it was computed again."""


def cached_features(
    pictures: PictureSet,
    extractor: Extractor,
    size: int,
    cache: Path,
    told: Callable[[int], None] = lambda num_pictures: None,
) -> Float[np.ndarray, "pictures dim"]:
    """The features of all pictures in their order, in float64.

    Args:
        size: pixels that every picture is resized and cropped to before the extractor sees it.
        cache: a folder for the features of many sets.
        told: called with the number of pictures that have just been done.

    Raises:
        UserError: pictures that cannot be read, all of them named; no memory for a single one;
            or storage trouble.
    """
    num_told = 0

    def tell_new(num_done: int) -> None:
        nonlocal num_told  # blocks that are made again, with less at once, were told of before
        told(max(0, num_done - num_told))
        num_told = max(num_done, num_told)

    def look() -> np.ndarray:
        return np.concatenate(list(_blocks(pictures, extractor, size, cache, tell_new)))

    return with_less_at_once(extractor, look, f"a single picture of {size} pixels")


def _blocks(
    pictures: PictureSet,
    extractor: Extractor,
    size: int,
    cache: Path,
    tell: Callable[[int], None],
) -> Iterator[Float[np.ndarray, "batch dim"]]:
    """Every block in order, as it lies in the cache or is put there; `tell` counts pictures."""
    about = {
        "extractor": extractor.name,
        "fingerprint": extractor.fingerprint,
        "batch_size": extractor.batch_size,  # which moves last digits
        "size": size,
        "pictures": pictures.hash,
        "block": BLOCK,
    }
    place = cache / hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]
    for start in range(0, len(pictures.pictures), BLOCK):
        path = place / f"features_{start // BLOCK:05d}.safetensors"
        paths = pictures.paths[start : start + BLOCK]
        features = _read(path, (len(paths), extractor.dim))
        if features is None:
            pixels, unreadable = read_squares(paths, size)
            if unreadable:
                _refuse(pictures, unreadable, start + BLOCK, size)
            features = extractor.picture_features(np.stack(pixels))
            write_whole(path, _written(features, about))
        tell(start + len(paths))
        yield features


def _written(features: np.ndarray, about: dict) -> bytes:
    """A file's content; in float32 where that loses nothing, as from a network in float32."""
    narrow = features.astype(np.float32)
    kept = narrow if np.array_equal(narrow.astype(np.float64), features) else features
    told = about | {"sha256": hashlib.sha256(kept.tobytes()).hexdigest()}
    # one entry, because the library writes several in no order
    return save({"features": np.ascontiguousarray(kept)}, metadata={"about": json.dumps(told)})


def _read(path: Path, shape: tuple[int, int]) -> np.ndarray | None:
    """The features of a block; None where there are none, or others than were written."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            features, told = file.get_tensor("features"), json.loads(file.metadata()["about"])
        digest = hashlib.sha256(features.tobytes()).hexdigest()
        if told["sha256"] == digest and features.shape == shape:
            return features.astype(np.float64)
        reason = "its content is not what was written"
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        reason = str(error) or type(error).__name__
    warnings.warn(f"{path} is damaged ({reason}) and made again.", DamagedCache, stacklevel=3)
    return None


def _refuse(pictures: PictureSet, unreadable: dict[Path, str], next_row: int, size: int) -> None:
    """Look at the other pictures too, so that one sentence names them all; raises UserError."""
    _, others = read_squares(pictures.paths[next_row:], size)
    found = unreadable | others
    named = "; ".join(f"{path.name}: {why}" for path, why in list(found.items())[:MOST_NAMED])
    more = f"; and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    raise UserError(
        f"{len(found)} of the {len(pictures.pictures)} pictures in {pictures.folder} cannot be "
        f"read ({named}{more}): mend them, or take them away with their prompts."
    )
