"""Checksums of a checkpoint's files, so that a flipped bit is seen before it is believed.

safetensors notices a damaged header or a short file, but not a changed number. Our checkpoints
therefore carry `checksums.sha256`, in the format that `sha256sum --check` reads too.
"""

import hashlib
from pathlib import Path

from src.errors import UserError

CHECKSUMS_FILE = "checksums.sha256"


def file_hash(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_checksums(folder: Path) -> dict[str, str]:
    """File name, relative to the folder and with forward slashes -> hash; empty if not written."""
    path = folder / CHECKSUMS_FILE
    if not path.is_file():
        return {}
    entries = (line.split(maxsplit=1) for line in path.read_text(errors="replace").splitlines())
    return {entry[1].strip(): entry[0] for entry in entries if len(entry) == 2}


def write_checksums(folder: Path, kept: dict[str, str]) -> None:
    """Hash every file below `folder` into its checksums file; `kept` are entries to carry over."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    fresh = {path.relative_to(folder).as_posix(): file_hash(path) for path in files}
    lines = [f"{digest}  {name}\n" for name, digest in sorted({**kept, **fresh}.items())]
    (folder / CHECKSUMS_FILE).write_text("".join(lines))


def verify(folder: Path, path: Path) -> None:
    """Raise UserError if the checksums of `folder` know this file differently."""
    expected = read_checksums(folder).get(path.relative_to(folder).as_posix())
    if expected is not None and file_hash(path) != expected:
        raise UserError(
            f"{path} is damaged: its bytes are not those that {CHECKSUMS_FILE} beside it was "
            f"written for; copy the checkpoint again, or delete {folder / CHECKSUMS_FILE} if the "
            "file was changed on purpose"
        )
