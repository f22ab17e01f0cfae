"""Work that follows what a model draws, in one other thread, so that the model does not wait."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

MOST_WAITING = 2  # pieces of work; whoever draws faster than that waits


@contextmanager
def behind():
    """Gives a function that takes work and what to call it with; the block's end waits for all.

    What goes wrong in the thread is raised where the next work is handed in, or at the end.
    """
    waiting = deque()

    def hand(work: Callable, *told) -> None:
        if len(waiting) >= MOST_WAITING:
            waiting.popleft().result()
        waiting.append(pool.submit(work, *told))

    with ThreadPoolExecutor(1, "behind") as pool:
        try:
            yield hand
            while waiting:
                waiting.popleft().result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
