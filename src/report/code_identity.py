"""Which code gave a number: git's own tree hashes of `src` and `conf`, taken from the disk.

Computed from the files themselves, so a dirty tree has its true hash, and a folder without git
has one too. For a clean tree they equal what `git rev-parse HEAD:src HEAD:conf` prints.
"""

import hashlib
import os
import subprocess
from pathlib import Path

PARTS = ("src", "conf")
IGNORED = ("__pycache__", ".ipynb_checkpoints", ".DS_Store")  # as .gitignore has it


def code_hashes(root: Path) -> dict[str, str]:
    """Tree hash, 40 hex digits, of each part that exists under `root`."""
    return {part: tree_hash(root / part) for part in PARTS if (root / part).is_dir()}


def tree_hash(folder: Path) -> str:
    """Git's hash of a folder: SHA-1 over its entries' modes, names and hashes, in git's order."""
    entries = []
    for path in folder.iterdir():
        if path.name in IGNORED or path.suffix == ".pyc":
            continue
        if path.is_dir():
            inner = tree_hash(path)
            if inner != _object_hash(b"tree", b""):  # git knows no empty folders
                entries.append((path.name + "/", b"40000", path.name, inner))
        else:
            mode = b"100755" if os.access(path, os.X_OK) else b"100644"
            entries.append((path.name, mode, path.name, _object_hash(b"blob", path.read_bytes())))
    content = b"".join(
        mode + b" " + name.encode() + b"\0" + bytes.fromhex(digest)
        for _, mode, name, digest in sorted(entries)  # a folder sorts as if its name ended in /
    )
    return _object_hash(b"tree", content)


def commit_and_dirt(root: Path) -> tuple[str | None, bool | None]:
    """The commit checked out, and whether `src` or `conf` differ from it; None without git."""
    try:
        commit = _git(root, "rev-parse", "HEAD").strip()
        changes = _git(root, "status", "--porcelain", "--", *PARTS)
    except (OSError, subprocess.CalledProcessError):
        return None, None
    return commit, bool(changes.strip())


def _object_hash(kind: bytes, content: bytes) -> str:
    header = kind + b" " + str(len(content)).encode() + b"\0"
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True
    ).stdout
