"""Which of our rooms a task's numbers can come from: the files that it imports, followed through.

A record made before another room was built on stays current: only the code that can have had a
part in its numbers counts. Settings are compared by value, so the files that only carry, check,
write or show them do not count either.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

WITHOUT_EFFECT = (
    "src/report/",
    *(f"src/{name}.py" for name in ("config", "compose", "command_line", "experiments", "run")),
    *(f"src/{name}.py" for name in ("errors", "installation", "limits", "memory", "whole_files")),
    "src/task_settings.py",  # which settings a record holds, and those are compared by value
    *(f"src/{room}/config.py" for room in ("data", "evaluation", "masking", "sampler", "training")),
    *(f"src/tasks/{name}.py" for name in ("outcome", "answer", "index", "doctor")),
)


# files that load all the files of a folder by their names, where no import statement says so
BY_NAME = {"src/sampler/registry.py": "src/sampler/rules"}


def code_used(task: str, root: Path) -> dict[str, str]:
    """Hash of what a task uses of each room: {"src/sampler": 12 hex digits, ...}, sorted.

    Args:
        task: a file of src/tasks; its imports are followed, also those inside functions.
    """
    rooms: dict[str, list[Path]] = {}
    for path in sorted(_closure(root / "src" / "tasks" / f"{task}.py", root)):
        rooms.setdefault(path.parent.relative_to(root).as_posix(), []).append(path)
    return {room: _hash_of(files) for room, files in sorted(rooms.items())}


def _closure(start: Path, root: Path) -> set[Path]:
    """A file, all files of ours that it imports, and those that they import."""
    found, waiting = set(), [start]
    while waiting:
        path = waiting.pop()
        if path in found or not path.is_file() or _is_without_effect(path, root):
            continue
        found.add(path)
        waiting += [root / module for module in _imported(path.read_bytes())]
        folder = BY_NAME.get(path.relative_to(root).as_posix())
        waiting += sorted((root / folder).glob("*.py")) if folder else []
    return found


def _is_without_effect(path: Path, root: Path) -> bool:
    return path.relative_to(root).as_posix().startswith(WITHOUT_EFFECT)


@cache  # reading code as Python takes milliseconds a file, and two tasks share most of theirs
def _imported(content: bytes) -> tuple[Path, ...]:
    """Files that the names of the import statements can mean, whether or not they exist."""
    found = []
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{each.name}" for each in node.names)]
        elif isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "src":
                for depth in range(1, len(parts) + 1):  # importing a.b runs a/__init__.py as well
                    found.append(Path(*parts[:depth], "__init__.py"))
                found.append(Path(*parts).with_suffix(".py"))
    return tuple(found)


def _hash_of(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:12]
