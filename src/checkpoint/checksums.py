"""Checksums of a checkpoint's files, so that a flipped bit is seen before it is believed.

safetensors notices a damaged header or a short file, but not a changed number. Our checkpoints
therefore carry `checksums.sha256`, in the format that `sha256sum --check` reads too.
"""

import hashlib
import re
from pathlib import Path

from src.errors import UserError

CHECKSUMS_FILE = "checksums.sha256"
LINE = re.compile(r"([0-9a-fA-F]{64})[ \t]+\*?(\S.*?)\s*")
REMEDY = "copy the checkpoint again, or delete this file to open it unprotected"


def file_hash(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_checksums(folder: Path) -> dict[str, str]:
    """File name, relative to the folder and with forward slashes -> hash; empty if not written.

    Raises UserError for a file that is damaged itself: it would protect nothing, and say nothing.
    """
    path = folder / CHECKSUMS_FILE
    if not path.is_file():
        return {}
    known = {}
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
        entry = LINE.fullmatch(line)
        if entry is None:
            raise UserError(f"{path} is damaged: line {number} is no hash with a name; {REMEDY}")
        known[entry[2]] = entry[1].lower()
    if not known:
        raise UserError(f"{path} is damaged: it is empty; {REMEDY}")
    return known


def write_checksums(folder: Path, kept: dict[str, str]) -> None:
    """Hash every file below `folder` into its checksums file; `kept` are entries to carry over."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    fresh = {path.relative_to(folder).as_posix(): file_hash(path) for path in files}
    lines = [f"{digest}  {name}\n" for name, digest in sorted({**kept, **fresh}.items())]
    (folder / CHECKSUMS_FILE).write_text("".join(lines))


def verify(folder: Path, path: Path) -> None:
    """Raise UserError if `folder` has checksums and they know this file differently, or not."""
    known = read_checksums(folder)
    if not known:
        return
    expected = known.get(path.relative_to(folder).as_posix())
    if expected is None:
        raise UserError(
            f"{path} has no line in {folder / CHECKSUMS_FILE}, which is damaged, or older than the "
            "file; copy the checkpoint again, or delete the checksums if the file was added on "
            "purpose"
        )
    if file_hash(path) != expected:
        raise UserError(
            f"{path} is damaged: its bytes are not those that {CHECKSUMS_FILE} beside it was "
            f"written for; copy the checkpoint again, or delete {folder / CHECKSUMS_FILE} if the "
            "file was changed on purpose"
        )
