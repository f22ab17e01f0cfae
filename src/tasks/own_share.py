"""A process's share of common work: nobody else's, and dealt as everybody deals at that time."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from src.errors import UserError
from src.evaluation.protocol_config import ShardConfig
from src.whole_files import alone_in, told_in_a_sentence

PATIENCE = 60.0  # seconds, while others take their shares; each needs a moment


@contextmanager
def own_share(locks: Path, shard: ShardConfig) -> Iterator[None]:
    """Hold a share while the block runs.

    Shares are taken one after another, so that of two that do not go together one is refused.

    Args:
        locks: a folder that all processes of the work have in common.

    Raises:
        UserError: another process has this share, or one of another number of shares.
    """
    with ExitStack() as held:
        with told_in_a_sentence(locks):
            locks.mkdir(parents=True, exist_ok=True)
            with FileLock(locks / ".lock", timeout=PATIENCE):
                _refuse_other_counts(locks, shard.count)
                held.enter_context(alone_in(locks / f"{shard.index}_of_{shard.count}"))
        yield


def _refuse_other_counts(locks: Path, count: int) -> None:
    """Shares of another number overlap with ours; those of processes that have ended do not."""
    for folder in sorted(locks.iterdir()):
        dealt = re.fullmatch(r"(\d+)_of_(\d+)", folder.name)
        if dealt is None or int(dealt[2]) == count:
            continue
        try:
            with FileLock(folder / ".lock", timeout=0):
                pass
        except Timeout as error:
            raise UserError(
                f"shard.count={count}, and another process draws its share of {dealt[2]} in "
                f"{locks.parent}: give shard.count={dealt[2]} and an index that is not taken, or "
                "wait for its end."
            ) from error
