"""Files that are there whole or not at all, and storage trouble told in one sentence."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

from filelock import FileLock, Timeout

from src.errors import UserError, cut

_TROUBLE = {
    errno.EACCES: "may not be written to (permission denied); choose another folder",
    errno.EPERM: "may not be written to (operation not permitted); choose another folder",
    errno.ENOENT: "is not there and cannot be made",
    errno.EROFS: "lies on a read-only file system; choose another folder",
    errno.ENOSPC: "lies on a full disk",
    errno.EDQUOT: "lies on a disk where your quota is used up",
    errno.ENOTDIR: "has a file where a folder should be",
    errno.EEXIST: "exists already and is no folder",
    errno.EISDIR: "is a folder where a file should be",
    errno.ENAMETOOLONG: "has too long a name",
    errno.EIO: "could not be written (input/output error of the disk)",
}


def storage_sentence(error: OSError, path: Path | str | None = None) -> str | None:
    """What went wrong with the storage, or None when this error is of another kind."""
    if error.errno not in _TROUBLE:
        return None
    where = Path(path or error.filename or ".")
    sentence = f"{cut(str(where))} {_TROUBLE[error.errno]}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(_existing(where)).free
        sentence += f" ({free / 2**20:.0f} MiB free)"
    return sentence + "."


@contextmanager
def told_in_a_sentence(path: Path | str) -> Iterator[None]:
    """Turn storage trouble inside the block into a UserError about `path`."""
    try:
        yield
    except OSError as error:
        sentence = storage_sentence(error, path)
        if sentence is None:
            raise
        raise UserError(sentence) from error


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder against other processes of this machine while the block runs.

    The system lets go of it when the process ends, however it ends. Raises UserError at once if
    another one holds it. A block that is refused before it wrote anything leaves no trace.
    """
    with told_in_a_sentence(folder):
        was_there, had_lock = folder.is_dir(), (folder / ".lock").exists()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(folder / ".lock", timeout=0):
                try:
                    yield
                except UserError:
                    if not had_lock:
                        (folder / ".lock").unlink(missing_ok=True)
                    if not was_there and not any(folder.iterdir()):
                        folder.rmdir()
                    raise
        except Timeout as error:
            raise UserError(
                f"Another process is at work in {folder}: wait for its end, or end it."
            ) from error


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file so that its name never shows a part of it; raises UserError.

    The content goes to a hidden file of the same folder, onto the disk, then takes the name.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    with told_in_a_sentence(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".part", delete=False)
        try:
            with part:
                part.write(data)
                part.flush()
                os.fsync(part.fileno())
            os.chmod(part.name, usual_mode())  # a temporary file is private otherwise
            os.replace(part.name, path)
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise


def clear_unfinished(folder: Path) -> None:
    """Remove what killed writers have left in a folder that nobody else writes to."""
    with told_in_a_sentence(folder):
        for part in folder.glob(".*.part"):
            part.unlink(missing_ok=True)


def writable_folder(path: Path, num_bytes: int = 0) -> Path:
    """Make the folder and try it with a small file, before the work starts; raises UserError."""
    with told_in_a_sentence(path):
        path.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path, prefix=".", suffix=".part") as probe:
            probe.write(b"probe")
            probe.flush()
    free = shutil.disk_usage(path).free
    if free < num_bytes:
        raise UserError(
            f"{path} needs about {num_bytes / 2**20:.1f} MiB for what is to be written and "
            f"{free / 2**20:.1f} MiB are free."
        )
    return path


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.absolute().parents) if place.exists())


def usual_mode(wanted: int = 0o666) -> int:
    """The permissions that this process gives to what it makes: `wanted` less the umask."""
    mask = os.umask(0)
    os.umask(mask)
    return wanted & ~mask
