"""COCO's validation pictures of 2017 in the official layout, and prompts drawn from captions.

aMUSEd's last harness takes two captions a picture: drawn at random with replacement from the
picture's own, on consecutive lines, unchanged. Nobody seeded that draw, but the file that came of
it is public, and known by its hash. The published values are older: of the first caption of each
picture, drawn twice, as far as a script of that time tells.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from src.data.source import PICTURES as SUFFIXES
from src.errors import UserError, cut, shown

PICTURES, CAPTIONS = "val2017", "captions_val2017.json"
SOURCES = (
    "http://images.cocodataset.org/zips/val2017.zip and "
    "http://images.cocodataset.org/annotations/annotations_trainval2017.zip"
)
CAPTIONS_EACH = 2  # captions drawn a picture
AUTHORS_SHA256 = "62c0fc96f4361e5ecf1ffacef7f489a4840498d8067f8ca6fccdad63ac21b533"
AUTHORS_FILE = (
    "coco-validation-2017-prompts.jsonl of https://github.com/williamberman/img-stats (555,376 "
    "bytes)"
)


class CocoPicture(NamedTuple):
    path: Path
    captions: tuple[str, ...]  # as people wrote them, blanks at the end and all


def open_coco(folder: str | Path | None) -> list[CocoPicture]:
    """The pictures with their captions, in the order in which the captions first name them.

    Args:
        folder: holds `val2017/`, and the captions in `annotations/` or beside it.

    Raises:
        UserError: another layout, damaged JSON, captions without picture, or the reverse.
    """
    place = _place(folder)
    path = next(
        (each for each in (place / "annotations" / CAPTIONS, place / CAPTIONS) if each.is_file()),
        None,
    )
    if path is None or not (place / PICTURES).is_dir():
        lacking = f"{PICTURES}/" if path is not None else f"annotations/{CAPTIONS}"
        raise UserError(
            f"data.path={cut(str(place))} has no {lacking}: unpack {SOURCES} into one folder and "
            "give it."
        )
    names, captions = _read(path)
    there = (place / PICTURES).iterdir()
    files = {each.name for each in there if each.suffix.lower() in SUFFIXES}
    _refuse("captions of pictures that it does not list", captions.keys() - names.keys(), path)
    _refuse("pictures without captions", names.keys() - captions.keys(), path)
    listed = set(names.values())
    if listed != files:
        _tell_difference(listed, files, place, path)
    return [
        CocoPicture(place / PICTURES / names[number], tuple(told))
        for number, told in captions.items()
    ]


def draw_captions(
    pictures: list[CocoPicture], rng: np.random.Generator, each: int = CAPTIONS_EACH
) -> list[str]:
    """`each` captions of every picture, drawn with replacement; those of one stand together."""
    return [
        picture.captions[int(rng.integers(len(picture.captions)))]
        for picture in pictures
        for _ in range(each)
    ]


def first_captions(pictures: list[CocoPicture], each: int = CAPTIONS_EACH) -> list[str]:
    """The first caption of every picture, `each` times in a row."""
    return [picture.captions[0] for picture in pictures for _ in range(each)]


def authors_prompts(path: Path, key: str) -> list[str]:
    """The 10,000 prompts of the authors' file, JSON lines whatever its name ends in.

    Raises UserError for any other file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        place = f"{key}={cut(str(path))}"
        raise UserError(
            f"{place} cannot be read ({error.strerror}): give {AUTHORS_FILE}."
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != AUTHORS_SHA256:
        raise UserError(
            f"{key}={cut(str(path))} is not the authors' file (its sha256 is {digest[:12]}..., "
            f"theirs {AUTHORS_SHA256[:12]}...): give {AUTHORS_FILE}, or leave {key} out."
        )
    return [json.loads(line) for line in content.decode("utf-8").split("\n") if line]


def _place(folder: str | Path | None) -> Path:
    if folder is None:
        raise UserError(
            f"data.path is not given: unpack {SOURCES} into one folder and give it, "
            "data.path=FOLDER."
        )
    if not Path(folder).is_dir():
        raise UserError(
            f"data.path={cut(str(folder))} is no folder: give the one that {SOURCES} were unpacked "
            "into."
        )
    return Path(folder)


def _read(path: Path) -> tuple[dict[int, str], dict[int, list[str]]]:
    """File names and captions by COCO's number of the picture."""
    try:
        content = json.loads(path.read_bytes())
        names = {_number(each["id"]): _name(each["file_name"]) for each in content["images"]}
        captions: dict[int, list[str]] = {}
        for each in content["annotations"]:
            captions.setdefault(_number(each["image_id"]), []).append(_caption(each["caption"]))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{path} is not COCO's list of captions (it lacks {error}): unpack {SOURCES} again."
        ) from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged ({error}): unpack {SOURCES} again.") from error
    if not captions:
        raise UserError(f"{path} holds no captions: unpack {SOURCES} again.")
    return names, captions


def _number(value: Any) -> int:
    if type(value) is not int:
        raise ValueError(f"{shown(value)} is no number of a picture")
    return value


def _name(value: Any) -> str:
    if not isinstance(value, str) or Path(value).name != value:
        raise ValueError(f"{shown(value)} is no plain file name")
    return value


def _caption(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{shown(value)} is no caption")
    return value


def _refuse(what: str, numbers: set[int], path: Path) -> None:
    if numbers:
        raise UserError(
            f"{path} holds {len(numbers)} {what}, for example number {min(numbers)}: unpack "
            f"{SOURCES} again."
        )


def _tell_difference(listed: set[str], files: set[str], place: Path, path: Path) -> None:
    missing, unknown = sorted(listed - files), sorted(files - listed)
    parts = []
    if missing:
        parts.append(f"{len(missing)} of them are not there, for example {missing[0]}")
    if unknown:
        parts.append(f"{len(unknown)} files there are not listed, for example {unknown[0]}")
    raise UserError(
        f"{path} lists {len(listed)} pictures and {place / PICTURES} holds {len(files)}: "
        f"{' and '.join(parts)}; unpack {SOURCES} again."
    )
