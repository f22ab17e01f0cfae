"""The code that a process runs, read once, before its work.

What is edited while it runs is not what it runs, and must not stand in its records.
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from src.report.code_identity import code_hashes, commit_and_dirt
from src.report.code_used import code_used


class CodeAtStart(NamedTuple):
    """What a record says of the code."""

    trees: dict[str, str]  # git tree hashes of src and conf, as they lay on disk
    used: dict[str, str]  # hash of what the task uses of each room
    commit: str | None  # None: not a git checkout
    is_dirty: bool | None  # whether src or conf differed from the commit


@lru_cache
def code_at_start(task: str, root: Path) -> CodeAtStart:
    """As it was when this process first asked, which a run does before its task begins."""
    return CodeAtStart(code_hashes(root), code_used(task, root), *commit_and_dirt(root))
