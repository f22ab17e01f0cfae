"""A process's share of common work: nobody else's, and dealt as everybody deals at that time."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from src.errors import UserError
from src.evaluation.protocol_config import ShardConfig
from src.whole_files import alone_in, told_in_a_sentence

PATIENCE = 60.0  # seconds, while others take their shares; each needs a moment


@contextmanager
def own_share(
    locks: Path, shard: ShardConfig, begin: Callable[[], None] | None = None
) -> Iterator[None]:
    """Hold a share while the block runs.

    Shares are taken one after another, so that of two that do not go together one is refused.

    Args:
        locks: a folder that all processes of the work have in common.
        begin: called where nobody has a share yet, before anybody else can take one.

    Raises:
        UserError: another process has this share, or one of another number of shares.
    """
    with ExitStack() as held:
        with one_by_one(locks):
            counts = _counts_at_work(locks)
            _refuse_other_counts(locks, shard.count, counts)
            held.enter_context(alone_in(locks / f"{shard.index}_of_{shard.count}"))
            if begin is not None and not counts:
                begin()
        yield


@contextmanager
def one_by_one(locks: Path) -> Iterator[None]:
    """Let no other process of the work into such a block, nor take a share, while this one runs."""
    with told_in_a_sentence(locks):
        locks.mkdir(parents=True, exist_ok=True)
        with FileLock(locks / ".lock", timeout=PATIENCE):
            yield


def _counts_at_work(locks: Path) -> set[int]:
    """In how many shares those dealt that are taken now; processes that have ended hold none."""
    counts = set()
    for folder in locks.iterdir():
        dealt = re.fullmatch(r"\d+_of_(\d+)", folder.name)
        if dealt is None:
            continue
        try:
            with FileLock(folder / ".lock", timeout=0):
                pass
        except Timeout:
            counts.add(int(dealt[1]))
    return counts


def _refuse_other_counts(locks: Path, count: int, at_work: set[int]) -> None:
    """Shares of another number overlap with ours."""
    if others := at_work - {count}:
        other = min(others)
        raise UserError(
            f"shard.count={count}, and another process draws its share of {other} in "
            f"{locks.parent}: give shard.count={other} and an index that is not taken, or "
            "wait for its end."
        )
