"""A folder of pictures to be measured: the file, prompt, seed and hash of each, in one order.

`manifest.jsonl`, an object a line, says it of pictures that were drawn here, and `metadata.jsonl`
of a folder that Hugging Face's datasets read (imagefolder); other systems' pictures are ordered by
name (2.png before 10.png) and told their prompts from a file.
"""

import hashlib
import json
import re
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from src.checkpoint.fingerprint import SHORT_LENGTH
from src.errors import UserError, cut
from src.evaluation.file_hashes import file_hashes
from src.evaluation.picture_files import SUFFIXES
from src.whole_files import write_whole

MANIFEST = "manifest.jsonl"
OF_GENERATE = "manifest.json"  # what +exp=generate leaves beside its pictures and their grid
IMAGE_FOLDER = "metadata.jsonl"  # of an imagefolder: an object a line, with its `file_name`
DUPLICATE_SHARE = 0.001  # of all pictures; fewer doubles change no number that is shown


class DoublePictures(UserWarning):
    """Some pictures are the same file: a set of fewer pictures than it seems."""


class ReplacedPictures(UserWarning):
    """Some pictures are not those that the manifest was written of."""


class Picture(NamedTuple):
    number: int  # from 0, the place in the set
    file: str  # its name in the folder
    prompt: str | None  # None: nobody told
    seed: int | None  # None: drawn elsewhere
    sha256: str  # of the file


class PictureSet(NamedTuple):
    folder: Path
    pictures: list[Picture]

    @property
    def paths(self) -> list[Path]:
        return [self.folder / each.file for each in self.pictures]

    @property
    def prompts(self) -> list[str] | None:
        """One a picture; None where some have none."""
        told = [each.prompt for each in self.pictures if each.prompt is not None]
        return told if len(told) == len(self.pictures) else None

    @property
    def hash(self) -> str:
        """The first 12 hex digits of the hash over all files in their order."""
        digest = hashlib.sha256("\n".join(each.sha256 for each in self.pictures).encode())
        return digest.hexdigest()[:SHORT_LENGTH]

    @property
    def num_doubles(self) -> int:
        """Pictures whose file is the same as that of an earlier one."""
        return len(self.pictures) - len({each.sha256 for each in self.pictures})


def open_pictures(
    folder: str | Path, prompts: Sequence[str] | None, notes: Path, key: str = "folder"
) -> PictureSet:
    """The pictures of any folder, in the order of its manifest or of their names.

    Args:
        prompts: one a picture; None = what the manifest says, or none.
        notes: a folder where the hashes are kept, so that unchanged files are not read again.
        key: the setting that named the folder, for sentences about it.

    Raises:
        UserError: no folder, no pictures, or counts or prompts that differ.
    """
    folder = Path(folder)
    place = f"{key}={cut(str(folder))}"
    if not folder.is_dir():
        raise UserError(f"{place} is no folder; give one of {', '.join(SUFFIXES)} files.")
    listed = _listed(folder, place)
    if not listed:
        raise UserError(f"{place} holds no pictures; give a folder of {', '.join(SUFFIXES)} files.")
    told = [each.prompt for each in listed]
    if prompts is not None and len(prompts) != len(listed):
        raise UserError(
            f"{place} holds {len(listed)} pictures and there are {len(prompts)} prompts: give one "
            "prompt a picture, in the order of the file names."
        )
    for number, prompt in enumerate(prompts or ()):
        if told[number] not in (None, prompt):
            raise UserError(
                f"{place}: picture {number} was drawn for {cut(told[number])!r}, and the prompts "
                f"given say {cut(prompt)!r}: leave the prompts out, or give those of this folder."
            )
    hashes = file_hashes([folder / each.file for each in listed], notes)
    _warn_of_replaced(place, listed, hashes)
    named = zip(listed, prompts or told, hashes, strict=True)
    found = [each._replace(prompt=prompt, sha256=digest) for each, prompt, digest in named]
    opened = PictureSet(folder, found)
    if opened.num_doubles > DUPLICATE_SHARE * len(found):
        warnings.warn(
            f"{opened.num_doubles} of the {len(found)} pictures in {place} are the same file as "
            "another one: distances and intervals take them for different pictures.",
            DoublePictures,
            stacklevel=2,
        )
    return opened


def close_drawn(
    folder: Path, files: Sequence[str], prompts: Sequence[str], seeds: Sequence[int], notes: Path
) -> PictureSet:
    """The set that was drawn here, of these files; its manifest is written if there is none.

    Raises UserError if a file cannot be read, or the manifest is of another set.
    """
    if not (folder / MANIFEST).is_file():
        hashes = file_hashes([folder / file for file in files], notes)
        rows = enumerate(zip(files, prompts, seeds, hashes, strict=True))
        write_manifest(PictureSet(folder, [Picture(number, *row) for number, row in rows]))
    return open_pictures(folder, prompts, notes)


def write_manifest(pictures: PictureSet) -> None:
    """Write the manifest, whole or not at all, once all pictures are there."""
    lines = (json.dumps(each._asdict(), ensure_ascii=False) + "\n" for each in pictures.pictures)
    write_whole(pictures.folder / MANIFEST, "".join(lines))


def _listed(folder: Path, place: str) -> list[Picture]:
    """What a manifest says, or all files of known kinds; the hashes are not looked at."""
    kinds = ((MANIFEST, _own), (OF_GENERATE, _of_generate), (IMAGE_FOLDER, _of_image_folder))
    for name, read in kinds:
        if (folder / name).is_file():
            return _read_manifest(folder / name, read, place)
    files = [each.name for each in folder.iterdir() if each.suffix.lower() in SUFFIXES]
    return [
        Picture(number, file, None, None, "")
        for number, file in enumerate(sorted(files, key=_natural))
    ]


def _own(content: str) -> list[Picture]:
    return [Picture(**json.loads(line)) for line in content.split("\n") if line]


def _of_generate(content: str) -> list[Picture]:
    rows = json.loads(content)["pictures"]
    return [
        Picture(number, row["file"], row["prompt"], row["seed"], "")
        for number, row in enumerate(rows)
    ]


def _of_image_folder(content: str) -> list[Picture]:
    rows = [json.loads(line) for line in content.split("\n") if line]
    return [
        Picture(number, row["file_name"], row.get("prompt", row.get("text")), row.get("seed"), "")
        for number, row in enumerate(rows)
    ]


def _read_manifest(path: Path, read: Callable[[str], list[Picture]], place: str) -> list[Picture]:
    try:
        found = read(path.read_text(encoding="utf-8"))
        missing = [each.file for each in found if not (path.parent / each.file).is_file()]
        numbers = [each.number for each in found]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UserError(f"{path} is damaged ({error}): take it away, or mend it.") from error
    if numbers != list(range(len(found))):
        raise UserError(f"{path} is damaged (its numbers do not count up from 0): take it away.")
    if missing:
        raise UserError(
            f"{place}: {path.name} lists {len(found)} pictures and {len(missing)} of them are not "
            f"there, for example {missing[0]}: draw them again, or take {path.name} away."
        )
    return found


def _warn_of_replaced(place: str, listed: Sequence[Picture], hashes: Sequence[str]) -> None:
    replaced = [
        each.file
        for each, digest in zip(listed, hashes, strict=True)
        if each.sha256 not in ("", digest)
    ]
    if replaced:
        warnings.warn(
            f"{len(replaced)} pictures in {place} are other files than its {MANIFEST} was written "
            f"of, for example {replaced[0]}; what lies there now is measured.",
            ReplacedPictures,
            stacklevel=3,
        )


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Numbers in names count as numbers."""
    parts = re.findall(r"(\d+)|(\D+)", name)
    return [(not digits, int(digits or 0), text) for digits, text in parts] + [(True, 0, name)]
