"""Hashes of many files, each read once: a file of the same size and times of change is the same.

There are two times: that of the content can be set by whoever writes it, that of the file's entry
is the system's own.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from src.errors import UserError
from src.whole_files import write_whole

Note = tuple[int, int, int, str]  # bytes, both times in nanoseconds, SHA-256 as hexadecimal


def file_hashes(paths: Sequence[Path], notes: Path) -> list[str]:
    """The SHA-256 of every file, from the notes where the file has not changed since.

    Args:
        paths: files of one folder.
        notes: a folder; what is kept there is a file for each folder of `paths`.

    Raises:
        UserError: a file that cannot be read.
    """
    if not paths:
        return []
    folder = str(paths[0].parent.resolve())
    kept = notes / f"hashes-{hashlib.sha256(folder.encode()).hexdigest()[:16]}.json"
    known = _read(kept)
    found = {path.name: _note(path, known.get(path.name)) for path in paths}
    if found != known:
        write_whole(kept, json.dumps(found) + "\n")
    return [found[path.name][-1] for path in paths]


def _note(path: Path, known: Note | None) -> Note:
    try:
        about = path.stat()
        times = about.st_mtime_ns, about.st_ctime_ns
        if known is not None and known[:3] == (about.st_size, *times):
            return known
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    return about.st_size, *times, digest


def _read(path: Path) -> dict[str, Note]:
    """The notes; none where they are damaged, since every file can be read again."""
    try:
        found = json.loads(path.read_bytes())
        return {
            str(name): (int(size), int(changed), int(moved), str(digest))
            for name, (size, changed, moved, digest) in found.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
